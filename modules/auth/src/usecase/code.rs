//! A second factor that is entered: a code of a device, of a letter, or a recovery code.

use kernel::id::{CustomerId, LetterId, SessionId};
use kernel::ports::Factor;
use platform::sql::{self, Tx};

use super::guess::{self, Counted, DAY_S, Limit};
use super::session::{self, Granted};
use super::{letters, totp};
use crate::Accounts;
use crate::domain::totp::Entered;
use crate::domain::{Account, LetterKind};
use crate::error::AccountError;
use crate::store::{factors, letters as stored_letters};

/// What a code proved, to be used up in the unit of work of what it is for.
pub(super) enum Proved {
    /// A step of a device.
    Step {
        /// Whose.
        customer: CustomerId,
        /// Which.
        step: i64,
    },
    /// A recovery code.
    Recovery {
        /// Whose.
        customer: CustomerId,
        /// What is stored of it.
        hash: String,
    },
    /// The code of a letter.
    Letter(LetterId),
}

impl Proved {
    fn factor(&self) -> Factor {
        match self {
            Self::Step { .. } | Self::Recovery { .. } => Factor::Otp,
            Self::Letter(_) => Factor::Email,
        }
    }

    /// False when it was used before, by whomever was faster.
    async fn take(&self, tx: &mut Tx) -> sql::Result<bool> {
        match self {
            Self::Step { customer, step } => factors::take_step(tx, *customer, *step).await,
            Self::Recovery { customer, hash } => factors::take_code(tx, *customer, hash).await,
            Self::Letter(letter) => stored_letters::take_by_id(tx, *letter).await,
        }
    }
}

/// Proves a session by a code: a new access token that says so.
///
/// Wrong codes are counted against the account, whichever session they come from: else somebody who
/// knows the password would get new tries with every login.
pub(crate) async fn verify(
    accounts: &Accounts,
    account: Account,
    session: SessionId,
    entered: &str,
) -> Result<Granted, AccountError> {
    let entered = Entered::read(entered).ok_or(AccountError::WrongCode)?;
    let counted = count(accounts, &account).await?;
    let Some(proved) = prove(accounts, &account, &entered).await? else {
        return Err(refuse(accounts, &account, &counted).await?);
    };
    let mut tx = accounts.db().begin("auth.verify_code").await?;
    if !proved.take(&mut tx).await? {
        drop(tx);
        return Err(refuse(accounts, &account, &counted).await?);
    }
    give_back(&mut tx, &counted).await?;
    let granted = session::strengthen(accounts, &mut tx, account, session, proved.factor()).await?;
    tx.commit().await?;
    Ok(granted)
}

/// What a code proves of an account, if anything.
async fn prove(
    accounts: &Accounts,
    account: &Account,
    entered: &Entered,
) -> Result<Option<Proved>, AccountError> {
    let customer = account.id;
    match entered {
        Entered::Recovery(hash) => Ok(Some(Proved::Recovery { customer, hash: hash.clone() })),
        Entered::Digits(digits) => {
            let enrolled = factors::enrolled(accounts.db(), customer).await?;
            if enrolled.totp {
                let step = totp::step(accounts, account, digits).await?;
                return Ok(step.map(|step| totp::proof(customer, step)));
            }
            if enrolled.any() {
                return Ok(None);
            }
            let kind = LetterKind::LoginCode;
            let letter = stored_letters::newest(accounts.db(), customer, kind).await?;
            let is_its = |id: &LetterId| accounts.secrets().letter_token(*id).code() == *digits;
            Ok(letter.filter(is_its).map(Proved::Letter))
        }
    }
}

/// Writes a letter with a code, for an account that has nothing better.
pub(crate) async fn ask_by_letter(
    accounts: &Accounts,
    account: Account,
) -> Result<(), AccountError> {
    if factors::enrolled(accounts.db(), account.id).await?.any() {
        return Err(AccountError::StrongerFactor);
    }
    let address = account.email.unwrap_or_default();
    let mut tx = accounts.db().begin("auth.code.ask").await?;
    super::email::count_letter(accounts, &mut tx, &address).await?;
    let own = accounts.secrets().email_index(&address);
    letters::write(accounts, &mut tx, account.id, LetterKind::LoginCode, &own).await?;
    Ok(tx.commit().await?)
}

/// Counts a try of a code against its account, in a window and in a day.
pub(super) async fn count(accounts: &Accounts, account: &Account) -> Result<Counted, AccountError> {
    let (settings, whose) = (accounts.settings(), account.id.to_string());
    let limits = [
        Limit::of("code", &whose, settings.code_failures_max),
        Limit {
            window_s: DAY_S,
            ..Limit::of("code_day", &whose, settings.code_failures_a_day_max)
        },
    ];
    guess::count_each(accounts, &limits).await
}

/// It was no failure.
pub(super) async fn give_back(tx: &mut Tx, counted: &Counted) -> sql::Result<()> {
    guess::give_back(tx, counted).await
}

/// The refusal of a wrong code. Whoever it belongs to is told when there are no tries left.
pub(super) async fn refuse(
    accounts: &Accounts,
    account: &Account,
    counted: &Counted,
) -> Result<AccountError, AccountError> {
    if counted.was_last() {
        let notice = totp::notice(accounts, account, LetterKind::CodesRefused).await?;
        let mut tx = accounts.db().begin("auth.code.refused").await?;
        letters::write_addressed(accounts, &mut tx, &notice).await?;
        tx.commit().await?;
    }
    Ok(AccountError::WrongCode)
}
