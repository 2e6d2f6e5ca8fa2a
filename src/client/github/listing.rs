//! Lists of many pages, and what to say of a thing that is not there.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Repository;
use super::error::Error;
use super::exchange::{Page, Question};

/// The most that GitHub gives on a page.
pub(super) const PER_PAGE: usize = 100;

/// What was listed, and whether that is all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// In GitHub's order.
    pub items: Vec<T>,
    /// Whether there are more that were not read.
    pub cut: bool,
}

/// Nothing is read of it but that it is there.
#[derive(Debug, Serialize, Deserialize)]
struct Visible {}

#[derive(Debug, Serialize, Deserialize)]
struct Workflows {
    workflows: Vec<Workflow>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Workflow {
    path: String,
}

impl Repository<'_> {
    /// One page of `rest`, which is below the repository.
    pub(super) async fn page<T: Serialize + DeserializeOwned>(&self, rest: &str, what: &str) -> Result<Page<T>, Error> {
        match self.untold(rest, what).await {
            Err(Error::NotFound { .. }) => Err(self.missing(what).await),
            answer => answer,
        }
    }

    /// Pages from the first on, at most `most` of them. `done` sees each with how many there are by then.
    pub(super) async fn pages<P, T>(
        &self,
        rest: &str,
        what: &str,
        most: usize,
        items: impl Fn(P) -> Vec<T>,
        enough: impl Fn(&[T]) -> bool,
    ) -> Result<Listed<T>, Error>
    where
        P: Serialize + DeserializeOwned,
    {
        let mut listed = Listed { items: Vec::new(), cut: false };
        let separator = if rest.contains('?') { '&' } else { '?' };
        for number in 1..=most {
            let route = format!("{rest}{separator}per_page={PER_PAGE}&page={number}");
            let page = self.page(&route, what).await?;
            listed.items.extend(items(page.body));
            listed.cut = page.next;
            if !page.next || enough(&listed.items) {
                break;
            }
        }
        Ok(listed)
    }

    /// As [`Self::page`], but a 404 stays what it is.
    async fn untold<T: Serialize + DeserializeOwned>(&self, rest: &str, what: &str) -> Result<Page<T>, Error> {
        let route = format!("/repos/{}{rest}", self.name);
        let asked = Question { repository: self.name, route: &route, what, deadline: self.deadline, keep: self.keep };
        self.client.page(asked).await
    }

    /// A 404 of a thing in the repository: of the thing, or of the repository, which GitHub does not tell apart.
    pub(super) async fn missing(&self, what: &str) -> Error {
        match self.untold::<Visible>("", "").await {
            Ok(_) => Error::NotFound { repository: self.name.to_owned(), what: what.to_owned() },
            Err(Error::NotFound { .. }) => {
                Error::NoRepository { repository: self.name.to_owned(), credential: self.client.credential }
            }
            Err(error) => error,
        }
    }

    /// A 404 of a workflow: its file may have another name now.
    pub(super) async fn no_workflow(&self, workflow: &str) -> Error {
        let known = self.page::<Workflows>("/actions/workflows?per_page=100", "workflows").await;
        let file = |workflow: Workflow| workflow.path.rsplit('/').next().unwrap_or_default().to_owned();
        match known {
            Ok(page) => Error::NoWorkflow {
                repository: self.name.to_owned(),
                workflow: workflow.to_owned(),
                known: page.body.workflows.into_iter().map(file).collect(),
            },
            Err(error) => error,
        }
    }
}
