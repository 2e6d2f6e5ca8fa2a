//! Dashboards, monitors and SLOs from templates: what should be, compared with what Datadog has, and made so.
//!
//! Everything here is pure but for [`apply`], the only part that talks to Datadog, and the reading of the user's folder of
//! templates. Ownership lives inside the objects
//! (see [`object::Mark`]), so there is no state to lose.

pub mod apply;
pub mod compare;
pub mod desired;
pub mod guard;
pub mod import;
pub mod lint;
pub mod object;
pub mod plan;
mod read;
pub mod route;
pub mod sample;
pub mod template;
