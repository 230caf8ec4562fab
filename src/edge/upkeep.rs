//! What the gate does beside requests.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::web::Data;
use platform::tasks::Tasks;

use super::gate::Gate;
use super::shedding::DECIDE_EVERY;

/// How often clients are forgotten that have not come for a while.
const FORGET_CLIENTS_EVERY: Duration = Duration::from_secs(1);

/// Starts it.
pub fn start(gate: &Data<Gate>, tasks: &Tasks) {
    let forgetting = gate.clone();
    tasks.every("edge.clients", FORGET_CLIENTS_EVERY, None, move || {
        forgetting.forget_clients();
        async { Ok::<bool, Infallible>(false) }
    });
    let shedding = gate.clone();
    tasks.every("edge.shed", DECIDE_EVERY, None, move || {
        shedding.shed();
        async { Ok::<bool, Infallible>(false) }
    });
}
