//! Page by page through a list, and out of it when the server would never end it.

use super::{Api, Aws, AwsError, Class};

/// More pages than any list has: a million resources, or one result a page of the largest request.
const MAX_PAGES: usize = 10_000;

/// Where a list has been read to.
#[derive(Debug, Default)]
pub(super) struct Pages {
    token: Option<String>,
    read: usize,
}

impl Pages {
    /// What to ask the next page with; `None` for the first one.
    pub(super) fn token(&self) -> Option<String> {
        self.token.clone()
    }

    /// Goes on to the page that `next` names; whether there is one. The last page says "" or nothing, and a page with
    /// nothing on it may have another after it.
    ///
    /// # Errors
    /// When the server names the page that has just been read, or more pages than there can be.
    pub(super) fn go_on(&mut self, aws: &Aws, api: Api, next: Option<String>) -> Result<bool, AwsError> {
        self.read += 1;
        let next = next.filter(|token| !token.is_empty());
        let again = next.is_some() && next == self.token;
        if again || self.read >= MAX_PAGES {
            let detail = if again { "it names the same page for ever" } else { "its list does not end" };
            return Err(AwsError { scope: aws.scope().clone(), api, class: Class::Server, detail: detail.to_owned() });
        }
        self.token = next;
        Ok(self.token.is_some())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::config;

    fn aws() -> Aws {
        let environment = config::settings::Environment::new();
        Aws::for_tests(&config::read("regions: [us-west-2]", "ddsync.yaml", &environment).unwrap().settings)
    }

    #[test]
    fn a_list_ends_with_an_empty_token_or_none() {
        let aws = aws();
        for last in [None, Some(String::new())] {
            let mut pages = Pages::default();
            assert_eq!(pages.token(), None);
            assert!(pages.go_on(&aws, Api::GetResources, Some("a".into())).unwrap());
            assert_eq!(pages.token().as_deref(), Some("a"));
            assert!(!pages.go_on(&aws, Api::GetResources, last).unwrap());
        }
    }

    #[test]
    fn a_server_that_never_ends_a_list_is_left() {
        let aws = aws();
        let mut pages = Pages::default();
        assert!(pages.go_on(&aws, Api::ListEndpoints, Some("a".into())).unwrap());
        let error = pages.go_on(&aws, Api::ListEndpoints, Some("a".into())).unwrap_err();
        assert!(error.to_string().contains("the same page for ever"), "{error}");

        let mut pages = Pages::default();
        let endless = |page: usize| pages.go_on(&aws, Api::ListEndpoints, Some(format!("{}", page % 2)));
        let error = (0..=MAX_PAGES).map(endless).find_map(Result::err).unwrap();
        assert!(error.to_string().contains("does not end"), "{error}");
    }
}
