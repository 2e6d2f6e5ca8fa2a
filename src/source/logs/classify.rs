//! What kind of error a line tells of.

use std::fmt;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// How much of an error is read from its beginning and from its end, in bytes.
const READ: usize = 16 * 1024;

/// Kinds of error, the more telling first: an error that fits several is the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Memory of the machine, of the function, or of the graphics card ran out.
    OutOfMemory,
    /// Something took too long.
    Timeout,
    /// A permission is missing, or a credential is old.
    AccessDenied,
    /// Somebody's limit of requests.
    Throttled,
    /// What was asked for cannot be processed.
    BadInput,
    /// The model or its server failed.
    ModelError,
    /// Everything else.
    Other,
}

/// What tells of each kind, in any case of letters.
const SIGNS: &[(Class, &[&str])] = &[
    (
        Class::OutOfMemory,
        &[
            "out of memory",
            "outofmemory",
            "memoryerror",
            "cannot allocate memory",
            "std::bad_alloc",
            "oom-kill",
            "oomkilled",
            "signal: killed",
            "exit code 137",
            "java heap space",
        ],
    ),
    (
        Class::Timeout,
        &["timed out", "timeout", "time-out", "deadline exceeded", "deadlineexceeded", "504 gateway", "408 request"],
    ),
    (
        Class::AccessDenied,
        &[
            "accessdenied",
            "access denied",
            "not authorized",
            "unauthorized",
            "permission denied",
            "permissionerror",
            "403 forbidden",
            "expiredtoken",
            "invalidclienttokenid",
            "signaturedoesnotmatch",
            "unrecognizedclient",
        ],
    ),
    (
        Class::Throttled,
        &[
            "throttl",
            "rate exceeded",
            "rate limit",
            "ratelimit",
            "too many requests",
            "toomanyrequests",
            "slowdown",
            "slow down",
            "throughputexceeded",
            "limitexceeded",
        ],
    ),
    (
        Class::BadInput,
        &[
            "validationerror",
            "validationexception",
            "jsondecodeerror",
            "unicodedecodeerror",
            "unidentifiedimageerror",
            "cannot identify image",
            "invalid input",
            "bad input",
            "invalid request",
            "400 bad request",
            "422 unprocessable",
            "415 unsupported",
            "unsupportedmediatype",
            "unsupported media type",
            "unsupported content type",
            "payload too large",
            "could not convert string",
            "malformed",
        ],
    ),
    (
        Class::ModelError,
        &[
            "modelerror",
            "model error",
            "runtimeerror",
            "cuda error",
            "cudnn",
            "predictionexception",
            "prediction failed",
            "inference failed",
            "model_fn",
            "predict_fn",
            "input_fn",
            "output_fn",
            "worker died",
            "workerdied",
            "worker_thread",
            "tensor",
            "internal server error",
            "http/1.1\" 500",
            "failed to load",
        ],
    ),
];

/// What finds the signs, and the kind of each.
static FINDER: LazyLock<Option<(AhoCorasick, Vec<Class>)>> = LazyLock::new(|| {
    let signs = SIGNS.iter().flat_map(|(class, signs)| signs.iter().map(|sign| (*class, *sign)));
    let (classes, signs): (Vec<_>, Vec<_>) = signs.unzip();
    let finder = AhoCorasick::builder().ascii_case_insensitive(true).build(signs).ok()?;
    Some((finder, classes))
});

impl Class {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::OutOfMemory,
        Self::Timeout,
        Self::AccessDenied,
        Self::Throttled,
        Self::BadInput,
        Self::ModelError,
        Self::Other,
    ];

    /// As a tag's value.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::OutOfMemory => "out_of_memory",
            Self::Timeout => "timeout",
            Self::AccessDenied => "access_denied",
            Self::Throttled => "throttled",
            Self::BadInput => "bad_input",
            Self::ModelError => "model_error",
            Self::Other => "other",
        }
    }

    /// The kind of an error. Of a stack trace what the exceptions say counts, and only when that says nothing, what the
    /// code says in which it happened.
    #[must_use]
    pub fn of(message: &str) -> Self {
        let begin = &message[..message.floor_char_boundary(READ)];
        let end = &message[message.ceil_char_boundary(message.len().saturating_sub(READ).max(begin.len()))..];
        let told = begin.lines().chain(end.lines()).filter(|line| !line.starts_with([' ', '\t']));
        let whole = || [begin, end].into_iter().filter_map(sign).min();
        told.filter_map(sign).min().or_else(whole).unwrap_or(Self::Other)
    }
}

fn sign(text: &str) -> Option<Class> {
    let (finder, classes) = FINDER.as_ref()?;
    finder.find_overlapping_iter(text).map(|found| classes[found.pattern().as_usize()]).min()
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_of_the_most_telling_kind() {
        for (message, class) in [
            ("2024-05-01T10:00:00Z 8f5c Task timed out after 3.00 seconds", Class::Timeout),
            ("RuntimeError: CUDA out of memory. Tried to allocate 2 GiB", Class::OutOfMemory),
            ("RequestId: 8f5c Error: Runtime exited with error: signal: killed", Class::OutOfMemory),
            (
                "botocore.exceptions.ClientError: An error occurred (AccessDenied) when calling GetObject",
                Class::AccessDenied,
            ),
            ("An error occurred (ThrottlingException): Rate exceeded", Class::Throttled),
            ("json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)", Class::BadInput),
            ("RuntimeError: mat1 and mat2 shapes cannot be multiplied", Class::ModelError),
            ("ValueError: no", Class::Other),
            // What the code says is not what happened.
            (
                "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    except TimeoutError:\nRuntimeError: CUDA error",
                Class::ModelError,
            ),
            ("KeyError: 'x'\n  in connect(timeout=3)", Class::Timeout),
            ("", Class::Other),
        ] {
            assert_eq!(Class::of(message), class, "{message}");
        }
    }
}
