//! Where each kind of object is kept, and what its key needs.

use reqwest::Method;

use crate::client::datadog::call::Call;

/// The endpoints of one kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objects {
    /// `/api/v1/monitor`
    Monitors,
    /// `/api/v1/slo`
    Slos,
    /// `/api/v1/dashboard`
    Dashboards,
}

impl Objects {
    fn path(self) -> &'static str {
        match self {
            Self::Monitors => "/api/v1/monitor",
            Self::Slos => "/api/v1/slo",
            Self::Dashboards => "/api/v1/dashboard",
        }
    }

    fn read(self) -> &'static str {
        match self {
            Self::Monitors => "monitors_read",
            Self::Slos => "slos_read",
            Self::Dashboards => "dashboards_read",
        }
    }

    fn write(self) -> &'static str {
        match self {
            Self::Monitors => "monitors_write",
            Self::Slos => "slos_write",
            Self::Dashboards => "dashboards_write",
        }
    }

    pub(super) fn get(self) -> Call<'static> {
        Call::new(Method::GET, self.path(), self.read())
    }

    pub(super) fn change(self, method: Method) -> Call<'static> {
        Call::new(method, self.path(), self.write())
    }
}
