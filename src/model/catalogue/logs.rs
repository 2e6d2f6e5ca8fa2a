//! Series about logs: counted as lines are read, before any is left out.

use crate::model::series::Kind;

/// A series about the lines of one log group, by the minute in which they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogMetric {
    /// Lines; a stack trace is one.
    Lines,
    /// Bytes of their texts.
    Bytes,
    /// Lines that are errors; tag `error_class`.
    Errors,
    /// Invocations of a function that waited for an environment to be made.
    ColdStarts,
    /// The most memory that an invocation used.
    MemoryUsed,
    /// Memory that the function is given.
    MemorySize,
}

impl LogMetric {
    /// Every one, in the order of the reference.
    pub const ALL: [Self; 6] =
        [Self::Lines, Self::Bytes, Self::Errors, Self::ColdStarts, Self::MemoryUsed, Self::MemorySize];

    /// The name in Datadog.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lines => "mlpipeline.logs.lines",
            Self::Bytes => "mlpipeline.logs.bytes",
            Self::Errors => "mlpipeline.logs.errors",
            Self::ColdStarts => "mlpipeline.logs.cold_starts",
            Self::MemoryUsed => "mlpipeline.logs.memory_used",
            Self::MemorySize => "mlpipeline.logs.memory_size",
        }
    }

    /// How it adds up.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::MemoryUsed | Self::MemorySize => Kind::Gauge,
            Self::Lines | Self::Bytes | Self::Errors | Self::ColdStarts => Kind::Count,
        }
    }

    /// Datadog's word for its unit; empty for none. Lambda's MB are mebibytes.
    #[must_use]
    pub const fn datadog_unit(self) -> &'static str {
        match self {
            Self::Bytes => "byte",
            Self::MemoryUsed | Self::MemorySize => "mebibyte",
            Self::Errors => "error",
            Self::Lines | Self::ColdStarts => "",
        }
    }

    /// Keys of its tags beside those of the pipeline and its stage.
    #[must_use]
    pub const fn own_tags(self) -> &'static [&'static str] {
        match self {
            Self::Lines | Self::Bytes => &["endpoint", "function", "log_group"],
            Self::Errors => &["endpoint", "function", "log_group", "error_class"],
            Self::ColdStarts | Self::MemoryUsed | Self::MemorySize => &["function", "log_group"],
        }
    }

    /// One sentence for the reference.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Lines => "Lines of the log group; a stack trace is one. Counted before any is left out.",
            Self::Bytes => "Bytes of those lines.",
            Self::Errors => "Lines that are errors, by `error_class`, for example timeout or out_of_memory.",
            Self::ColdStarts => "Invocations that waited for an environment to be made.",
            Self::MemoryUsed => "The most memory that an invocation used; absent when none ended.",
            Self::MemorySize => "Memory that the function is given; absent when no invocation ended.",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::catalogue::PREFIX;

    #[test]
    fn names_are_distinct_and_below_one_prefix() {
        let names: BTreeSet<&str> = LogMetric::ALL.iter().map(|metric| metric.name()).collect();
        assert_eq!(names.len(), LogMetric::ALL.len());
        assert!(names.iter().all(|name| name.starts_with(&format!("{PREFIX}logs."))));
    }
}
