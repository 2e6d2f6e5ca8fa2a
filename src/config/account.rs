//! `accounts` and `regions`: where resources are read, and as whom.

use crate::config::echo::quoted;
use crate::config::field::{Field, Section};
use crate::config::load::variable;
use crate::config::problem::{Findings, Place};
use crate::config::region::{self, Verdict};
use crate::config::settings::{Account, Environment};

/// The name of an account whose credentials are those around the process.
const AMBIENT: &str = "default";
const MAX_NAME: usize = 64;
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const MAX_ROLE_NAME: usize = 64;
const ROLE_EXAMPLE: &str = "arn:aws:iam::111122223333:role/ddsync-read";
const NO_REGION: &str = "no region is given; write `regions: [us-west-2]`, or set AWS_REGION";

pub(super) fn read(root: &Section<'_>, env: &Environment, findings: &mut Findings) -> Vec<Account> {
    let shared = match root.get("regions") {
        Some(_) => regions(root, findings),
        None => region_of_environment(env, findings),
    };
    let mut accounts = Vec::new();
    let mut places: Vec<Place> = Vec::new();
    let mut lacks_region = false;
    for item in root.list("accounts", findings) {
        let section = item.section(&["name", "role", "external_id", "regions"], findings);
        let Some(account) = account(&item, &section, &shared, findings) else { continue };
        lacks_region |= account.regions.is_empty() && section.get("regions").is_none();
        if let Some(first) = accounts.iter().position(|known: &Account| known.name == account.name) {
            let place = section.get("name").map_or(&item.place, |field| &field.place);
            let message = format!(
                "the account {} is there already, on {}; give each its own `name`",
                quoted(&account.name),
                places[first].line_words()
            );
            findings.problem(place, message);
        }
        once_only(
            &account,
            section.get("role").map_or(&item.place, |field| &field.place),
            &accounts,
            &places,
            findings,
        );
        accounts.push(account);
        places.push(item.place);
    }
    if root.get("accounts").is_none_or(Field::list_is_empty) {
        lacks_region = shared.is_empty();
        accounts.push(Account { name: AMBIENT.to_owned(), role: None, external_id: None, regions: shared });
    }
    // A list of another type has been reported.
    if lacks_region && root.get("regions").is_none_or(Field::list_is_empty) {
        let place = root.get("regions").map_or_else(|| Place::file("regions"), |field| field.place.clone());
        findings.problem(&place, NO_REGION);
    }
    accounts
}

/// Resources that are read twice are paid for twice.
fn once_only(account: &Account, place: &Place, known: &[Account], places: &[Place], findings: &mut Findings) {
    let id = |account: &Account| account.role.as_deref().and_then(|role| role_account(role).ok().map(str::to_owned));
    for (first, first_place) in known.iter().zip(places) {
        let twice = account.regions.iter().filter(|region| first.regions.contains(region));
        let twice: Vec<String> = twice.map(|region| quoted(region)).collect();
        if twice.is_empty() {
            continue;
        }
        let regions = twice.join(", ");
        let by = format!("by {} already, on {}", quoted(&first.name), first_place.line_words());
        if first.role == account.role {
            let whose = account.role.as_ref().map_or("the credentials around the process", |_| "this role");
            let message = format!("{regions} with {whose}: read {by}; give each its own `role` or `regions`");
            findings.problem(place, message);
        } else if id(account).is_some_and(|id_here| id(first) == Some(id_here)) {
            let message = format!("{regions} of the same AWS account: read {by}; each read is paid for");
            findings.warning(place, message);
        }
    }
}

fn region_of_environment(env: &Environment, findings: &mut Findings) -> Vec<String> {
    let Some((place, region)) = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(|name| variable(env, name))
    else {
        return Vec::new();
    };
    note_region(region, &place, findings);
    vec![region.to_owned()]
}

/// The list under `regions`, misspelt ones included: they have been reported.
fn regions(section: &Section<'_>, findings: &mut Findings) -> Vec<String> {
    let mut regions: Vec<String> = Vec::new();
    for (field, region) in section.texts("regions", findings) {
        if regions.iter().any(|known| known == region) {
            findings.warning(&field.place, format!("{} stands twice; it is read once", quoted(region)));
            continue;
        }
        note_region(region, &field.place, findings);
        regions.push(region.to_owned());
    }
    regions
}

fn note_region(region: &str, place: &Place, findings: &mut Findings) {
    match region::judge(region) {
        Verdict::Known => {}
        Verdict::New => {
            findings.warning(place, format!("{} is not known to this version; used as it is", quoted(region)));
        }
        Verdict::Wrong(message) => findings.problem(place, message),
    }
}

fn account(item: &Field<'_>, section: &Section<'_>, shared: &[String], findings: &mut Findings) -> Option<Account> {
    let typed = section.get("role").and_then(|field| Some((field, field.text(findings)?)));
    let role = typed.and_then(|(field, text)| match role_account(text) {
        Ok(id) => Some((text, id, field)),
        Err(message) => {
            field.problem(findings, message);
            None
        }
    });
    let external_id =
        section.get("external_id").and_then(|field| external_id(field, section.get("role").is_some(), findings));
    let regions = match section.get("regions") {
        None => shared.to_vec(),
        Some(field) => {
            let own = regions(section, findings);
            if field.list_is_empty() {
                field.problem(
                    findings,
                    "no region is given; write `[us-west-2]`, or leave it out to use the common ones",
                );
            }
            own
        }
    };
    if let Some((text, _, field)) = &role {
        same_partition(text, &regions, field, findings);
    }
    let name = match section.get("name") {
        Some(field) => {
            let text = field.text(findings)?;
            check_name(text, field, findings);
            text.to_owned()
        }
        None if section.get("role").is_some() => role.as_ref().map(|(_, id, _)| (*id).to_owned())?,
        None if item.is_empty() => {
            item.problem(findings, format!("an account is empty; write `{{name: prod, role: \"{ROLE_EXAMPLE}\"}}`"));
            return None;
        }
        None => AMBIENT.to_owned(),
    };
    Some(Account { name, role: typed.map(|(_, text)| text.to_owned()), external_id, regions })
}

fn check_name(name: &str, field: &Field<'_>, findings: &mut Findings) {
    let legal = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-');
    if name.len() > MAX_NAME || !name.chars().all(legal) {
        let message = format!("{} takes a to z, 0 to 9, `_` and `-`, at most {MAX_NAME} of them", field.shown());
        field.problem(findings, message);
    }
}

/// 2 to 1,224 characters. <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
fn external_id(field: &Field<'_>, has_role: bool, findings: &mut Findings) -> Option<String> {
    let text = field.text(findings)?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
    if !(2..=1224).contains(&text.len()) || !text.chars().all(legal) {
        field.problem(findings, "an external id is 2 to 1224 letters, digits and `_+=,.@:/-`");
    } else if !has_role {
        field.problem(findings, "an external id is sent when a role is assumed; write `role` beside it");
    }
    Some(text.to_owned())
}

/// The twelve digits of a role's ARN, or what is wrong with it.
fn role_account(arn: &str) -> Result<&str, String> {
    let wrong = |what: &str| Err(format!("{} {what}; write one such as `{ROLE_EXAMPLE}`", quoted(arn)));
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let &["arn", partition, service, region, account, resource] = parts.as_slice() else {
        return wrong("is not the ARN of a role");
    };
    if !region::is_partition(partition) {
        return wrong("names no partition of AWS");
    }
    if service != "iam" || !region.is_empty() {
        return wrong("is not an ARN of IAM");
    }
    if account.len() != 12 || !account.chars().all(|c| c.is_ascii_digit()) {
        return wrong("has no account id of twelve digits");
    }
    let Some(path) = resource.strip_prefix("role/") else {
        return wrong("is not the ARN of a role");
    };
    let name = path.rsplit('/').next().unwrap_or_default();
    let legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if name.is_empty() || name.len() > MAX_ROLE_NAME || !name.chars().all(legal) {
        return wrong("has no role name after `role/`");
    }
    Ok(account)
}

/// Credentials of one partition are worth nothing in another.
fn same_partition(role: &str, regions: &[String], field: &Field<'_>, findings: &mut Findings) {
    let partition = role.split(':').nth(1).unwrap_or_default();
    let strange = regions.iter().find(|name| region::partition(name).is_some_and(|other| other != partition));
    if let Some(name) = strange {
        let message = format!(
            "the role belongs to the partition `{partition}`, the region `{name}` does not; use one of its own"
        );
        field.problem(findings, message);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_account_of_a_role_is_in_its_arn() {
        assert_eq!(role_account("arn:aws:iam::444455556666:role/ddsync-read").unwrap(), "444455556666");
        assert_eq!(role_account("arn:aws-us-gov:iam::444455556666:role/team/ddsync").unwrap(), "444455556666");
    }

    #[test]
    fn a_bad_role_says_what_is_wrong_with_it() {
        let wrong = |arn, what: &str| {
            let message = role_account(arn).unwrap_err();
            assert!(message.contains(what) && message.contains(ROLE_EXAMPLE), "{arn}: {message}");
        };
        wrong("ddsync-read", "is not the ARN of a role");
        wrong("arn:aws:iam::444455556666:user/me", "is not the ARN of a role");
        wrong("arn:aws:sts::444455556666:assumed-role/x/y", "is not an ARN of IAM");
        wrong("arn:aws:iam::44445555666:role/x", "no account id of twelve digits");
        wrong("arn:aws:iam::444455556666:role/", "no role name");
        wrong("arn:asw:iam::444455556666:role/x", "names no partition");
    }
}
