//! What credentials look like.

use std::ops::Range;

use regex::Captures;

use super::{MARK, lists};

/// Shortest value of something called a token that is taken for a secret, in bytes: models have tokens too.
pub(super) const LONG: usize = 12;

/// Names whose values are secret, whatever stands before them: `DB_PASSWORD`, `aws_secret_access_key`.
const SECRETS: &str = concat!(
    "(?:passwords?|passwd|passphrases?|pwd|",
    "(?:[_-]|db|pg|sql|smtp|ftp|ldap|redis|user|root|admin)pass|secrets?(?:[_-]?access)?(?:[_-]?keys?)?|",
    "(?:private|api|app|application|access|account|encryption|signing|auth|subscription|master|shared|storage)",
    "[_-]?keys?(?:[_-]?id)?|credentials?|",
    "(?:access|auth|refresh|session|security|id|api|bearer|bot|csrf|hf|github)[_-]?token|",
    "x-amz-(?:signature|credential)|authorization|cookies?)"
);
/// Names whose values are secret when they are long.
const TOKENS: &str = "token";
/// What may follow a name and says which of them it is: `SECRET_KEY_BASE`, `DB_PASSWORD_PROD`, `API_KEY_2`. Not what makes
/// it the name of something else: `secret_name`, `password_file`, `password_reset_url`.
const WHICH: &str = concat!(
    "(?:[_-]?(?:[0-9]{1,3}|old|new|prev|previous|current|prod|production|prd|staging|stage|stg|dev|development|test|qa|uat|",
    "live|sandbox|local|backup|primary|secondary|base|value|hash|base64|b64|plain)){0,2}"
);

/// Whole names: of [`SECRETS`], of [`TOKENS`], and of lists of tokens.
pub(super) fn whole_names() -> [String; 3] {
    [SECRETS, TOKENS, "tokens?"].map(|names| format!("(?i){names}{WHICH}$"))
}

/// Names whose values are secret when they are texts, and nothing stands before them: tests pass, too.
pub(super) const WHOLE: &str = "pass";

/// What may stand between a name and its value, also in a text of JSON.
const SPACE: &str = r"(?:\s|\\+[nrt])*";
/// A value between quotation marks.
const QUOTED: &str = concat!(
    r#"(?P<A>[bru]?")(?:[^"\\]|\\.)*(?P<a>"|\z)|(?P<B>[bru]?')(?:[^'\\]|\\.)*(?P<b>'|\z)|"#,
    // JSON in a text of JSON, and in that of another one: quotation marks in the value have more backslashes.
    r#"(?P<C>\\")(?:\\{2,}"|[^"\\]|\\+[^"\\])*(?P<c>\\?"|\\*\z)|(?P<D>\\{2,}")(?:\\{5,}"|[^"\\]|\\+[^"\\])*(?P<d>\\{0,4}"|\\*\z)|"#,
    r#"(?P<E>\\+')[^']*?(?P<e>\\*'|\z)"#
);

/// A value: also a list, an object or a call, whose ends no regular expression finds.
const VALUE: &str = r#"QUOTED|(?P<list>[\[{(])|(?P<call>[a-z_][\w.]*\()|[^\s"'\\]+"#;

/// One rule.
pub(super) struct Known {
    /// One of these is in whatever the rule applies to, in any case of letters.
    pub(super) signs: &'static [&'static str],
    /// `SECRETS`, `TOKENS`, `WHOLE`, `VALUE`, `QUOTED` and `SPACE` stand for the constants. The group `before` stays, and so
    /// do quotation marks.
    pub(super) pattern: &'static str,
}

/// Where the secret is in what a rule found, if it is one. `left` is what [`lists::closed`] may look at in vain.
pub(super) fn secret(text: &str, found: &Captures<'_>, left: &mut usize) -> Option<Range<usize>> {
    let whole = found.get_match();
    let first = |names: &[&str]| names.iter().find_map(|name| found.name(name));
    let start = first(&["A", "B", "C", "D", "E", "before"]).map_or(whole.start(), |group| group.end());
    let bracket = whole.end().saturating_sub(1);
    if found.name("list").or(found.name("tokens")).is_some() {
        let end = lists::closed(text, bracket, left).unwrap_or_else(|| lists::line(text, bracket));
        let is_secret = found.name("tokens").is_none() || holds_opaque(&text[start..end]);
        return is_secret.then_some(start..end);
    }
    if found.name("call").is_some() {
        let line = &text[..lists::line(text, bracket)];
        return Some(start..lists::closed(line, bracket, left).unwrap_or_else(|| lists::word(text, bracket)));
    }
    let end = first(&["a", "b", "c", "d", "e"]).map_or(whole.end(), |group| group.start());
    Some(start..end)
}

/// Whether a list of tokens has credentials in it, and no objects.
fn holds_opaque(list: &str) -> bool {
    let mut words = list.split(|c: char| c.is_whitespace() || "\"'\\<>&,;:=()[]".contains(c));
    !list.contains('{') && words.any(is_opaque)
}

/// Whether it looks made by chance: models have tokens too, and those are words or numbers.
pub(super) fn is_opaque(text: &str) -> bool {
    text.len() >= LONG
        && !text.contains(char::is_whitespace)
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

pub(super) fn with_names(pattern: &str) -> String {
    debug_assert!(!pattern.contains(MARK), "the mark is found by no rule of its own");
    pattern
        .replace("SECRETS", &format!("{SECRETS}{WHICH}"))
        .replace("TOKENS", &format!("{TOKENS}{WHICH}"))
        .replace("WHOLE", WHOLE)
        .replace("VALUE", VALUE)
        .replace("QUOTED", QUOTED)
        .replace("SPACE", SPACE)
}

/// What makes a whole key of the rest of one.
pub(super) const BEGIN_OF_KEY: &str = "-----BEGIN PRIVATE KEY-----\n";

/// Signs of [`SECRETS`].
const NAMES: &[&str] = &[
    "passw",
    "passphrase",
    "pwd",
    "_pass",
    "-pass",
    "dbpass",
    "pgpass",
    "sqlpass",
    "smtppass",
    "ftppass",
    "ldappass",
    "redispass",
    "userpass",
    "rootpass",
    "adminpass",
    "secret",
    "key",
    "credential",
    "token",
    "x-amz-",
    "authorization",
    "cookie",
];

/// Each of them sees the text as it came.
pub(super) const KNOWN: &[Known] = &[
    // Up to its end, or to the end of the text when it was cut off.
    Known {
        signs: &["private key"],
        pattern: r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
    },
    // <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>, with the
    // secret when it stands right after it.
    Known {
        signs: &["akia", "asia"],
        pattern: r#"(?-u:\b)(?:AKIA|ASIA)[A-Z0-9]{16}(?-u:\b)(?:[\s,:;|/"']{1,8}[A-Za-z0-9/+=]{40}(?-u:\b))?"#,
    },
    // <https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/>
    Known {
        signs: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
        pattern: r"(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})",
    },
    // Hugging Face, OpenAI and its like, Slack.
    Known {
        signs: &["hf_", "sk-", "xox"],
        pattern: r"(?-u:\b)(?:hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{20,}|xox[abeoprs]-[A-Za-z0-9-]{10,})",
    },
    // Stripe, Google, GitLab and npm: <https://docs.github.com/en/code-security/reference/secret-security/supported-secret-scanning-patterns>
    Known {
        signs: &["k_live_", "aiza", "glpat-", "npm_"],
        pattern: r"(?-u:\b)(?:[rs]k_live_[A-Za-z0-9]{10,}|AIza[0-9A-Za-z_-]{35}|glpat-[A-Za-z0-9_-]{20,}(?:\.[A-Za-z0-9_-]+)*|npm_[A-Za-z0-9]{30,})",
    },
    // SendGrid.
    Known { signs: &["sg."], pattern: r"(?-u:\b)SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}" },
    // <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/>
    Known {
        signs: &["hooks.slack.com"],
        pattern: r"(?i)(?P<before>hooks\.slack\.com\\*/(?:services|workflows|triggers)\\*/)[a-z0-9_-]+(?:\\*/[a-z0-9_-]+)*",
    },
    // <https://www.rfc-editor.org/rfc/rfc7519>: a header, a body, and a signature that may be empty.
    Known { signs: &["eyj"], pattern: r"(?-u:\b)eyJ[A-Za-z0-9_=-]{5,}\.[A-Za-z0-9_=-]{5,}(?:\.[A-Za-z0-9_=-]*){0,3}" },
    Known { signs: &["://"], pattern: r#"(?P<before>://[^\s/:@"'<>]*:)[^\s/"'<>]+(?P<a>@)"# },
    // The whole of a header, up to the end of its line or of the text that it is quoted in. Some have quotation marks of
    // their own: always up to the end of the line.
    Known {
        signs: &["authorization", "cookie"],
        pattern: r#"(?i)(?P<before>\b(?:authorization|cookie)\\*["']?\s*[:=,]\s*(?:[bu]?\\*["']|\\+)?)(?:(?:digest|oauth|signature|hawk)\s[^\r\n]*|[^\s"'\\][^\r\n"'\\]*)"#,
    },
    Known { signs: &["bearer", "basic"], pattern: r"(?i)(?P<before>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}" },
    // `curl -u me:x`, also as a list of arguments.
    Known {
        signs: &["curl"],
        pattern: r#"(?i)(?P<before>\bcurl\b[^\r\n]*?[\s"'](?:-[a-z]*u|--(?:proxy-)?user)(?:[\s"',=]|\\+["'])*[^\s:"'\\]+:)[^\s"'\\]+"#,
    },
    // The same of those that take a password alone. `mysql -p x` asks for one, and x is a database.
    Known {
        signs: &["mysql", "mariadb"],
        pattern: concat!(
            r#"(?P<before>\b(?:mysql(?:dump|admin|import|show|check|pump)?|mariadb(?:-[a-z]+)?)(?:[\s"'\\,][^\r\n]*?)?[\s"']-p["']?)"#,
            r#"[^\s"'\\,\])}][^\s"'\\]*"#
        ),
    },
    Known {
        signs: &[
            "sshpass",
            "redis-cli",
            "docker",
            "podman",
            "nerdctl",
            "buildah",
            "skopeo",
            "helm",
            "az login",
            "oc login",
        ],
        pattern: concat!(
            r#"(?P<before>\b(?:sshpass\b[^\r\n]*?[\s"']-p|redis-cli\b[^\r\n]*?[\s"']-a|"#,
            r#"(?:docker|podman|nerdctl|buildah|skopeo|helm|az|oc)\b[^\r\n]*?\blogin\b[^\r\n]*?[\s"']-p)"#,
            r#"(?:[\s"',=]|\\+["'])*)[^\s"'\\,=][^\s"'\\]*"#
        ),
    },
    // In addresses, also where JSON escapes the ampersand: <https://learn.microsoft.com/en-us/rest/api/storageservices/create-service-sas>,
    // <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-canned-policy.html>
    Known {
        signs: &["sig=", "signature="],
        pattern: r#"(?i)(?P<before>(?:[?&;]|\\u0026)[\w-]*sig(?:nature)?=)[^\s&"'<>\\]{16,}"#,
    },
    // An environment variable in capitals; `PASS=12` is a count of tests.
    Known {
        signs: &["pass="],
        pattern: r#"(?s)(?P<before>(?:^|[\s;"'`,(\[{]|\\[nrt])PASS=)(?:QUOTED|[^\s"'\\]*[^\s"'\\0-9.,;:%][^\s"'\\]*)"#,
    },
    // `password: x`, `"password": "x"`, `{'password': 'x'}`, `\"password\": \"x\"`, `PASSWORD=x`, `("password", "x")`, and
    // `"name": "PASSWORD", "value": "x"`.
    Known {
        signs: NAMES,
        pattern: concat!(
            r#"(?is)(?P<before>(?:SECRETS)(?:\\*["']\s*(?:=>|[:=,])|\s*(?:=>|:=|[:=]))SPACE(?:\\*["']?value\\*["']?\s*[:=]SPACE)?)(?:"#,
            "VALUE)"
        ),
    },
    Known {
        signs: &["pass\"", "pass'", "pass\\"],
        pattern: r#"(?is)(?P<before>["'](?:WHOLE)\\*["']\s*[:=]SPACE)(?:QUOTED)"#,
    },
    Known {
        signs: &["token"],
        pattern: concat!(
            r#"(?is)(?P<before>(?:TOKENS)(?:\\*["']\s*(?:=>|[:=,])|\s*(?:=>|:=|[:=]))SPACE(?:[bru]?\\*["'])?)"#,
            r#"[^\s"'\\<>&,;]{12,}"#
        ),
    },
    Known {
        signs: &["tokens"],
        pattern: r#"(?is)(?P<before>tokens(?:\\*["']\s*(?:=>|[:=,])|\s*(?:=>|:=|[:=]))SPACE)(?P<tokens>[\[(])"#,
    },
    Known { signs: NAMES, pattern: r"(?i)(?P<before><[\w:.-]*(?:SECRETS|TOKENS)>)[^<]+" },
    Known { signs: NAMES, pattern: r"(?i)(?P<before>(?:^|\s)--?[\w-]*(?:SECRETS|TOKENS)\s+)[^\s-][^\s]*" },
    // Datadog's, by their length: <https://docs.datadoghq.com/account_management/api-app-keys/>
    Known {
        signs: &["key"],
        pattern: r"(?i)(?P<before>\b(?:api|app|application)[ _-]?key\b[^\r\n\[]{0,20}?\[?)\b[0-9a-f]{32}(?:[0-9a-f]{8})?\b",
    },
];
