//! Variables of templates: what a header says about one, and which values it takes.

use std::fmt;

use serde_json::{Map, Value};

/// A text from a tag is put into queries and links, where other characters mean something.
const TAG_TEXT: &str = "letters, digits and `_.:/-`";

/// One variable of a template.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Its value unless something else is said. Decides what it is: a number, a text, or true and false.
    pub default: Value,
    /// A number is this at least.
    pub min: Option<f64>,
    /// A number is this at most.
    pub max: Option<f64>,
    /// What it does, a sentence.
    pub about: String,
    /// For example `second`; empty without one.
    pub unit: String,
}

impl Variable {
    /// What a header says. The error is what is wrong with it.
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        let Some(map) = value.as_object() else {
            return Err("has to be a mapping such as `{default: 900, about: \"..\"}`".to_owned());
        };
        let known = ["default", "min", "max", "about", "unit"];
        if let Some(key) = map.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(format!("`{key}` is not known here; known: {}", known.join(", ")));
        }
        let default =
            map.get("default").filter(|value| !matches!(value, Value::Null | Value::Array(_) | Value::Object(_)));
        let Some(default) = default else {
            return Err("needs a `default`: a number, a text, true or false".to_owned());
        };
        let variable = Self {
            default: default.clone(),
            min: bound(map, "min", default)?,
            max: bound(map, "max", default)?,
            about: text(map, "about")?,
            unit: text(map, "unit")?,
        };
        if !variable.within(default.as_f64()) {
            return Err(format!("the default {default} is not {}", variable.wanted()));
        }
        Ok(variable)
    }

    /// The value that a text of a tag means, when it fits.
    pub(in crate::provision) fn of_tag(&self, text: &str) -> Option<Value> {
        let text = text.trim();
        let legal = |c: char| c.is_ascii_alphanumeric() || "_.:/-".contains(c);
        let value = match &self.default {
            Value::String(_) => (!text.is_empty() && text.chars().all(legal)).then(|| Value::from(text)),
            Value::Bool(_) => text.parse::<bool>().ok().map(Value::from),
            _ => match text.parse::<i64>() {
                Ok(number) => Some(number.into()),
                Err(_) => text.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Value::Number),
            },
        };
        value.and_then(|value| self.of_configuration(&value))
    }

    /// The same value, when it fits.
    pub(in crate::provision) fn of_configuration(&self, value: &Value) -> Option<Value> {
        let same = std::mem::discriminant(value) == std::mem::discriminant(&self.default);
        (same && self.within(value.as_f64())).then(|| value.clone())
    }

    fn within(&self, number: Option<f64>) -> bool {
        number.is_none_or(|number| self.min.is_none_or(|min| number >= min) && self.max.is_none_or(|max| number <= max))
    }

    /// What fits, in words.
    pub(in crate::provision) fn wanted(&self) -> impl fmt::Display {
        match (&self.default, self.min, self.max) {
            (Value::String(_), ..) => format!("a text of {TAG_TEXT}"),
            (Value::Bool(_), ..) => "true or false".to_owned(),
            (_, Some(min), Some(max)) => format!("a number from {min} to {max}"),
            (_, Some(min), None) => format!("a number of {min} or more"),
            (_, None, Some(max)) => format!("a number of {max} or less"),
            (_, None, None) => "a number".to_owned(),
        }
    }
}

fn bound(map: &Map<String, Value>, key: &str, default: &Value) -> Result<Option<f64>, String> {
    match map.get(key) {
        None => Ok(None),
        Some(Value::Number(number)) if default.is_number() => Ok(number.as_f64()),
        Some(_) => Err(format!("`{key}` is a number, beside a default that is one")),
    }
}

fn text(map: &Map<String, Value>, key: &str) -> Result<String, String> {
    match map.get(key) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.trim().to_owned()),
        Some(_) => Err(format!("`{key}` is a text")),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn variable(value: &Value) -> Variable {
        Variable::read(value).unwrap()
    }

    #[test]
    fn a_tag_gives_a_value_of_the_defaults_own_type_within_bounds() {
        let age = variable(&json!({"default": 900, "min": 60, "max": 86400}));
        assert_eq!(age.of_tag(" 1800 "), Some(json!(1800)));
        assert_eq!(age.of_tag("90.5"), Some(json!(90.5)));
        for text in ["", "59", "1e9", "NaN", "inf", "true", "900s", "0x10"] {
            assert_eq!(age.of_tag(text), None, "{text}");
        }
        let on = variable(&json!({"default": false}));
        assert_eq!((on.of_tag("true"), on.of_tag("yes")), (Some(json!(true)), None));
        let runbook = variable(&json!({"default": "https://wiki/x"}));
        assert_eq!(runbook.of_tag("https://wiki/Y-1"), Some(json!("https://wiki/Y-1")));
        for text in ["", "a b", "a,env:prod", "a}", "@all", "<<x>>", "a*"] {
            assert_eq!(runbook.of_tag(text), None, "{text}");
        }
    }

    #[test]
    fn a_header_that_contradicts_itself_says_so() {
        let wrong = |value: Value| Variable::read(&value).unwrap_err();
        assert_eq!(wrong(json!(900)), "has to be a mapping such as `{default: 900, about: \"..\"}`");
        assert_eq!(wrong(json!({"min": 1})), "needs a `default`: a number, a text, true or false");
        assert_eq!(wrong(json!({"default": 1, "min": 2})), "the default 1 is not a number of 2 or more");
        assert_eq!(wrong(json!({"default": "x", "min": 2})), "`min` is a number, beside a default that is one");
        assert_eq!(
            wrong(json!({"default": 1, "units": ""})),
            "`units` is not known here; known: default, min, max, about, unit"
        );
    }

    proptest! {
        #[test]
        fn for_all_texts_of_tags_a_text_variable_cannot_leave_its_place_in_a_query(text in any::<String>()) {
            if let Some(Value::String(value)) = variable(&json!({"default": "x"})).of_tag(&text) {
                prop_assert!(!value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "_.:/-".contains(c)));
            }
        }
    }
}
