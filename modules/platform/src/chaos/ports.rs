//! The ports beside the databases: the clock, and calls of others.

use chrono::TimeDelta;
use kernel::Clock;
use kernel::ports::Unavailable;

use super::{Kind, pause, strikes};

/// What an injected failure says.
#[derive(Debug, thiserror::Error)]
#[error("chaos: {0}")]
struct Injected(&'static str);

/// The clock of a shop, which may jump.
pub fn clock() -> Clock {
    Clock::system().off_by(|| strikes(Kind::Clock).map_or(TimeDelta::zero(), |fault| fault.length))
}

/// A call of somebody outside: it may be late, not be made, or lose its answer after it took effect.
pub fn outside<T, E: From<Unavailable>>(
    whom: &'static str,
    call: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, E>> {
    let call = Box::pin(call);
    async move {
        pause(Kind::SlowProcessor).await;
        let failed = |why| Err(Unavailable::new(whom, Injected(why)).into());
        if strikes(Kind::ProcessorErrors).is_some() {
            return failed("it was not asked");
        }
        let answer = call.await;
        if strikes(Kind::LostAnswers).is_some() {
            return failed("its answer was lost");
        }
        answer
    }
}
