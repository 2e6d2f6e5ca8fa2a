//! Requests of a pipeline that failed, and where more of them did than before.

use std::sync::Arc;

/// More failures in a minute than in the one before, and the requests that they were.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureContext {
    /// The pipeline, as the tag of its lines says it.
    pub pipeline: String,
    /// The stage, likewise; empty when it belongs to the pipeline itself.
    pub stage: String,
    /// `key:value`, as its lines carry them.
    pub tags: Arc<[String]>,
    /// Start of the minute, Unix seconds.
    pub at: i64,
    /// What has risen: names of series, each with its failures in that minute.
    pub risen: Vec<(Arc<str>, f64)>,
    /// From where its log was read, Unix milliseconds.
    pub from: i64,
    /// Up to where, likewise.
    pub to: i64,
    /// What it tells.
    pub failures: Failures,
}

/// What a log tells of failures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failures {
    /// In the order in which they failed.
    pub requests: Vec<FailedRequest>,
    /// Errors that name no request.
    pub nameless: usize,
    /// Whether there is more than was read.
    pub more: bool,
}

/// A request that failed. All of its text comes from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedRequest {
    /// When its first error was written, Unix milliseconds.
    pub at: i64,
    /// Of the inference, or else of the request.
    pub id: String,
    /// The kind of its error, for example `out_of_memory`.
    pub class: &'static str,
    /// What the error says, in one line.
    pub words: String,
}
