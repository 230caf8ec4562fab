use kernel::ports::CreditReason;
use kernel::problem::{Problem, code};
use platform::http::Failure;

use crate::domain::account::State;
use crate::error::Error;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound(id) => Problem::not_found(format_args!("stored value {id}")).into(),
            Error::Refused(CreditReason::Unknown, _) => {
                Problem::new(code::NOT_FOUND, CreditReason::Unknown.detail()).into()
            }
            Error::Refused(reason, _) => {
                Problem::new(code::CREDIT_REFUSED, reason.detail()).with("reason", reason).into()
            }
            Error::TooMuch(left) => {
                let detail = format!("Only {left} is left of it; take away that much at most.");
                Problem::new(code::CONFLICT, detail).with("balance", left).into()
            }
            Error::State(state) => state_conflict(state).into(),
            Error::KeyReused => {
                let detail = "Send a new Idempotency-Key: this one was used for another amount.";
                Problem::new(code::IDEMPOTENCY_KEY_REUSED, detail).into()
            }
            Error::Stale => {
                let detail = "Others did the same at the same time; ask again.";
                Problem::new(code::CONFLICT, detail).into()
            }
            Error::Storage(error) => error.into(),
        }
    }
}

fn state_conflict(state: State) -> Problem {
    let detail = format!("The gift card is {}; issue another one.", state.word());
    Problem::new(code::CONFLICT, detail).with("state", state)
}
