//! Clients: authentication, paging, limits, retries and the oddities of one API each.

pub mod aws;
pub mod datadog;
pub mod github;
