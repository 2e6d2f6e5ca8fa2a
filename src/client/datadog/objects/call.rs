//! One request to the API that keeps objects: where it goes and what its key needs.

use std::fmt::Display;

use reqwest::Method;
use serde_json::Value;

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

/// One request.
#[derive(Clone)]
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) id: Option<&'a str>,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
    pub(super) scope: &'static str,
}

impl<'a> Call<'a> {
    pub(super) fn new(method: Method, path: &'static str, scope: &'static str) -> Self {
        Self { method, path, id: None, query: Vec::new(), body: None, scope }
    }

    pub(super) fn of<'b>(self, id: &'b str) -> Call<'b>
    where
        'a: 'b,
    {
        Call { id: Some(id), ..self }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    pub(super) fn body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }
}
