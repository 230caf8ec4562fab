//! The promises of stored value, on both engines.
#![cfg(test)]

mod shop;
mod spending;
mod staff;

use crate::spending::{
    a_card_whose_time_is_over_pays_nothing, an_order_takes_once_and_never_after_its_end,
    changes_give_back_no_more_than_was_taken, many_who_spend_one_card_spend_what_is_on_it,
    money_of_an_order_becomes_credit_once,
    what_comes_back_to_a_card_that_ended_can_be_spent_for_a_while,
    what_was_called_off_goes_back_once,
};
use crate::staff::{
    a_blocked_card_is_as_unknown_as_a_wrong_code, a_code_is_told_once_and_kept_nowhere,
    store_credit_can_be_brought_to_nothing,
    store_credit_is_granted_to_accounts_and_read_by_their_owners, the_staff_corrects_what_is_left,
    what_somebody_has_is_told_to_them_whole,
};

platform::on_both_engines!(credit::SCHEMA =>
    many_who_spend_one_card_spend_what_is_on_it,
    an_order_takes_once_and_never_after_its_end,
    changes_give_back_no_more_than_was_taken,
    what_was_called_off_goes_back_once,
    money_of_an_order_becomes_credit_once,
    a_card_whose_time_is_over_pays_nothing,
    what_comes_back_to_a_card_that_ended_can_be_spent_for_a_while,
    a_code_is_told_once_and_kept_nowhere,
    a_blocked_card_is_as_unknown_as_a_wrong_code,
    the_staff_corrects_what_is_left,
    store_credit_can_be_brought_to_nothing,
    store_credit_is_granted_to_accounts_and_read_by_their_owners,
    what_somebody_has_is_told_to_them_whole,
);
