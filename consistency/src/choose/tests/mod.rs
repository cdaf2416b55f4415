mod decisions;
mod ledger;
mod quorums;
mod sla;
