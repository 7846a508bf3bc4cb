//! What must not be lost: jobs, their outputs and events, files, keys, batches and messages.
//!
//! Accepted means durable: a job is on disk before its client is told. A worker holds a job by a
//! lease and a fence that grows with every claim; whoever lost the lease cannot write any more.
//! Audio is not here but in [`crate::objects`]. SQL is in one folder per database.

mod sqlite;
mod types;

pub use sqlite::Sqlite as Store;
pub use types::{
    BatchRow, Beat, Claim, Claims, Ending, Enqueue, Enqueued, FileRow, Filter, IdempotencyKey,
    JobRow, KeyRow, Message, OutputRow, QueueLimits, QueueState, ShareRow, UsageRow,
};

#[cfg(test)]
mod tests;
