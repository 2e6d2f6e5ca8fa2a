//! Resource Groups Tagging: which resources carry the pipeline tag.

use std::collections::BTreeMap;

use aws_sdk_resourcegroupstagging::types::TagFilter;

use super::{Api, Aws, AwsError, Pages};

/// Resources on one page, the most that are allowed.
/// <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>
const PAGE: i32 = 100;

/// A resource and all its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    /// Its ARN, as this API spells it.
    pub arn: String,
    /// Untrusted. The key that was asked for is among them.
    pub tags: BTreeMap<String, String>,
}

impl Aws {
    /// Every resource of the region that carries the tag `key`, whatever its value and type, in the order of the ARNs.
    ///
    /// The API wants all of several keys, so only one is asked for; it also returns resources that once had tags, with none:
    /// they are left out. It goes on listing a deleted resource for a while.
    ///
    /// # Errors
    /// When a page could not be had.
    pub async fn tagged(&self, key: &str) -> Result<Vec<Tagged>, AwsError> {
        let filter = TagFilter::builder().key(key).build();
        let mut found: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let mut pages = Pages::default();
        loop {
            let page = self
                .call(Api::GetResources, 0, || {
                    self.tagging
                        .get_resources()
                        .tag_filters(filter.clone())
                        .resources_per_page(PAGE)
                        .set_pagination_token(pages.token())
                        .send()
                })
                .await?;
            for resource in page.resource_tag_mapping_list.unwrap_or_default() {
                let tags: BTreeMap<String, String> =
                    resource.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
                if let Some(arn) = resource.resource_arn.filter(|_| tags.contains_key(key)) {
                    found.insert(arn, tags);
                }
            }
            if !pages.go_on(self, Api::GetResources, page.pagination_token)? {
                return Ok(found.into_iter().map(|(arn, tags)| Tagged { arn, tags }).collect());
            }
        }
    }
}
