//! What is wrong with a resource, a pipeline or a pipeline file, and what to do about it.

use std::fmt;

use serde::Serialize;

use crate::model::resource::Scope;

/// Longest part of an untrusted value that a finding repeats, in characters.
const MAX_QUOTED: usize = 60;

/// Something a person should look at. Nothing is dropped for it unless its kind says so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Where.
    pub scope: Scope,
    /// ARN of the resource, path of the pipeline file, or empty when it is about the pipeline as a whole.
    pub resource: String,
    /// The pipeline, as its tag is typed.
    pub pipeline: Option<String>,
    /// What it is.
    pub kind: FindingKind,
    /// The particulars: one fragment, without control characters.
    pub detail: String,
}

/// Kinds of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// The pipeline tag is there and empty. Measured, as pipeline `none`.
    EmptyPipeline,
    /// No environment tag. Measured, as environment `none`.
    MissingEnvironment,
    /// The environment is none of the configured ones. Measured.
    UnknownEnvironment,
    /// No team tag. Measured, as team `none`.
    MissingTeam,
    /// An endpoint or function without a stage tag. Measured, under its own name.
    MissingStage,
    /// A value that Datadog would store as nothing or as something else. Measured, under what is left of it.
    ImpossibleValue,
    /// Several names that become the same one in Datadog. Measured together.
    AmbiguousPipeline,
    /// Resources of one pipeline disagree about its team or owner. Measured, each under its own.
    ConflictingValues,
    /// Tagged, but nothing that can be measured here.
    UnknownType,
    /// Tagged, but it does not exist (any more). Not measured.
    Orphan,
    /// It disappeared between being listed and being described. Not measured.
    Deleted,
    /// A stage waits for one that does not exist.
    UnknownDependency,
    /// Stages wait for each other.
    DependencyCycle,
    /// The endpoint hosts inference components, whose metrics are not read yet.
    InferenceComponents,
    /// The endpoint takes no requests.
    NotInService,
    /// It may not be described. Measured as far as it is known.
    AccessDenied,
    /// Declared in a pipeline file, but no endpoint in service.
    NotDeployed,
    /// In service, but not declared in the pipeline's file.
    NotDeclared,
    /// Declared otherwise than it is deployed.
    DiffersFromFile,
    /// A pipeline file, or a part of it, cannot be understood.
    UnreadableFile,
}

impl FindingKind {
    /// Every kind.
    pub const ALL: &[Self] = &[
        Self::EmptyPipeline,
        Self::MissingEnvironment,
        Self::UnknownEnvironment,
        Self::MissingTeam,
        Self::MissingStage,
        Self::ImpossibleValue,
        Self::AmbiguousPipeline,
        Self::ConflictingValues,
        Self::UnknownType,
        Self::Orphan,
        Self::Deleted,
        Self::UnknownDependency,
        Self::DependencyCycle,
        Self::InferenceComponents,
        Self::NotInService,
        Self::AccessDenied,
        Self::NotDeployed,
        Self::NotDeclared,
        Self::DiffersFromFile,
        Self::UnreadableFile,
    ];

    /// A stable word for output and tags.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::EmptyPipeline => "empty_pipeline",
            Self::MissingEnvironment => "missing_environment",
            Self::UnknownEnvironment => "unknown_environment",
            Self::MissingTeam => "missing_team",
            Self::MissingStage => "missing_stage",
            Self::ImpossibleValue => "impossible_value",
            Self::AmbiguousPipeline => "ambiguous_pipeline",
            Self::ConflictingValues => "conflicting_values",
            Self::UnknownType => "unknown_type",
            Self::Orphan => "orphan",
            Self::Deleted => "deleted",
            Self::UnknownDependency => "unknown_dependency",
            Self::DependencyCycle => "dependency_cycle",
            Self::InferenceComponents => "inference_components",
            Self::NotInService => "not_in_service",
            Self::AccessDenied => "access_denied",
            Self::NotDeployed => "not_deployed",
            Self::NotDeclared => "not_declared",
            Self::DiffersFromFile => "differs_from_file",
            Self::UnreadableFile => "unreadable_file",
        }
    }

    /// What to do about it, one sentence without its full stop.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::EmptyPipeline => "give the tag the pipeline's name",
            Self::MissingEnvironment => "add it; until then its series say environment:none",
            Self::UnknownEnvironment => "correct the tag, or add the value to `environments`",
            Self::MissingTeam => "add it; until then its series say team:none and pages take the default route",
            Self::MissingStage => "add it; until then its own name is its stage",
            Self::ImpossibleValue => "use lower-case letters, digits and `_ - : . /`, 200 characters at most",
            Self::AmbiguousPipeline => "give each pipeline one name, spelled the same way everywhere",
            Self::ConflictingValues => "give all resources of the pipeline the same value",
            Self::UnknownType => {
                "nothing has to be done; only endpoints, functions, buckets, streams and log groups are known"
            }
            Self::Orphan => "deploy it again, or wait: AWS goes on listing what was destroyed for a while",
            Self::Deleted => "nothing has to be done if that was meant",
            Self::UnknownDependency => "correct the name, or deploy and tag that stage",
            Self::DependencyCycle => "take one of these dependencies away",
            Self::InferenceComponents => "nothing can be done yet; its other resources are measured",
            Self::NotInService => "look at the endpoint's last deployment",
            Self::AccessDenied => "allow the action (see deploy/iam/policy.json)",
            Self::NotDeployed => "deploy it, or take it out of the pipeline's file",
            Self::NotDeclared => "add it to the pipeline's file, or destroy it",
            Self::DiffersFromFile => "deploy again, or correct the pipeline's file",
            Self::UnreadableFile => "correct the file; the rest of it is used",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: ", self.scope, self.kind.word())?;
        if let Some(pipeline) = &self.pipeline {
            write!(f, "pipeline {}: ", quoted(pipeline))?;
        }
        if !self.resource.is_empty() {
            write!(f, "{}: ", plain(&self.resource))?;
        }
        write!(f, "{}; {}", self.detail, self.kind.advice())
    }
}

/// An untrusted value as it may be printed: in quotes, escaped, cut.
pub(crate) fn quoted(value: &str) -> String {
    format!("{:?}", cut(value))
}

/// The start of a value that may be long.
pub(crate) fn cut(value: &str) -> String {
    let mut cut: String = value.chars().take(MAX_QUOTED).collect();
    if cut.len() < value.len() {
        cut.push('…');
    }
    cut
}

fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
