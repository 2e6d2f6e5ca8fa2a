//! `ddsync iam-policy`: what the credentials have to be allowed.

use super::session::settings;
use super::{IamPolicyArgs, Outcome, print};
use crate::client::aws::{Access, policy};
use crate::config::settings::StateLocation;

pub(super) fn run(args: &IamPolicyArgs) -> Outcome {
    let settings = settings(&args.config.config)?;
    let (with_role, without): (Vec<_>, Vec<_>) =
        settings.accounts.into_iter().map(|account| account.role).partition(Option::is_some);
    let roles: Vec<String> = with_role.into_iter().flatten().collect();
    let state = match &settings.state {
        StateLocation::Folder(_) => None,
        StateLocation::S3 { bucket, prefix } => Some((bucket.as_str(), prefix.as_str())),
    };
    let access = if args.account_role {
        Access { reads: true, ..Access::default() }
    } else {
        Access { reads: !without.is_empty(), assumes: &roles, state }
    };
    print::json(&policy(access));
    Ok(0)
}
