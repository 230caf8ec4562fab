//! The shop is killed with SIGKILL, its parts fail, and bugs are put into it: at every durable step
//! of a checkout, and what an operator can do about it.
#![cfg(test)]

mod backup;
mod backup_people;
mod bugs;
mod kill;
mod kill_after;
mod kill_dispute;
mod kill_pack;
mod kill_webhook;
mod moving;
mod operator;
mod point_in_time;
mod replica;
mod saga_matrix;
mod said;
mod seeded_bugs;
mod server;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "these tests use a part of it")]
mod support;
mod torture;
mod transfer;
