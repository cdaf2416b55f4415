//! `quorate demo`: real nodes, real clients, real attacks, and a verdict on what the clients saw.
//!
//! [`run`] starts `quorate serve` processes on loopback with durable data in a temporary directory,
//! lets clients use them over HTTP, and meanwhile kills the leader, cuts it off, and freezes it, does
//! one of these to a follower, and stops lease holders past their leases. The clients write down what they asked, what
//! they were told, and when, and nothing but that is judged afterwards. Nothing is scripted: which
//! requests get lost, and what the nodes do about it, is for the nodes and the kernel to decide.
//!
//! | module | what it does |
//! |---|---|
//! | `plan` | the phases |
//! | `processes`, `ports`, `observe` | the nodes, and what they say of themselves |
//! | `nemesis` | the attacks |
//! | `workload` | the clients |
//! | `holder` | the clients that are processes of their own, to be stopped |
//! | `record`, `tally`, `history` | what the clients saw |
//! | `settle` | what is there at the end |
//! | `verdict` | which promises were kept |
//! | `report`, `progress` | what is shown |

mod drive;
mod history;
mod holder;
mod nemesis;
mod observe;
mod plan;
mod ports;
mod processes;
mod progress;
mod random;
mod record;
mod report;
mod settle;
mod tally;
mod verdict;
mod workload;

pub use drive::run;
pub use holder::hold;
