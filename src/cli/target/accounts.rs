//! The accounts and regions of AWS in which secrets are selected.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::store::aws::sdk_config::AwsAccess;

/// The role that `--account` assumes, as the deployment of the function names it.
const ROLE_NAME: &str = "genesys-rotator-operator";

/// Accounts and regions of AWS.
#[derive(Clone, Debug, Default, Args)]
pub struct Accounts {
    /// Select in the account of this profile; repeatable
    #[arg(long = "profile", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub profiles: Vec<String>,
    /// Select in this account, through its role --role-name; repeatable
    #[arg(long = "account", value_name = "ID", value_parser = parse_account)]
    pub ids: Vec<String>,
    /// The role of each --account [default: genesys-rotator-operator]
    #[arg(long, value_name = "NAME", requires = "ids", value_parser = NonEmptyStringValueParser::new())]
    pub role_name: Option<String>,
    /// Select in the account of this role, which is assumed; repeatable
    #[arg(long = "role-arn", value_name = "ARN", value_parser = parse_role)]
    pub role_arns: Vec<String>,
    /// Select in this region of AWS, in each account; repeatable
    #[arg(long = "region", value_name = "REGION", value_parser = parse_region)]
    pub regions: Vec<String>,
}

/// An account and region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// How to reach it.
    pub access: AwsAccess,
    /// The account and the region, as far as they are named.
    pub name: String,
}

impl Place {
    /// The name of a secret of this place in results.
    pub fn label(&self, secret: &str) -> String {
        if self.name.is_empty() { secret.to_owned() } else { format!("{}:{secret}", self.name) }
    }
}

impl Accounts {
    /// Whether an account or a region is named.
    pub(super) fn is_given(&self) -> bool {
        [&self.profiles, &self.ids, &self.role_arns, &self.regions].iter().any(|named| !named.is_empty())
    }

    /// Returns each region of each account: the default one if none is named.
    pub(super) fn places(&self) -> Vec<Place> {
        let regions: Vec<_> = self.regions.iter().map(Some).collect();
        let regions = if regions.is_empty() { vec![None] } else { regions };
        let mut places: Vec<Place> = Vec::new();
        for region in regions {
            for (account, access) in self.accounts(region.map(String::as_str)) {
                let named =
                    [account.as_str(), region.map_or("", String::as_str)].into_iter().filter(|part| !part.is_empty());
                let name = named.collect::<Vec<_>>().join("/");
                let place = Place { access: AwsAccess { region: region.cloned(), ..access }, name };
                if !places.iter().any(|known| known.access == place.access) {
                    places.push(place);
                }
            }
        }
        places
    }

    /// Returns the accounts with their names.
    fn accounts(&self, region: Option<&str>) -> Vec<(String, AwsAccess)> {
        let through_role = |role: String| AwsAccess { role_arn: Some(role), ..AwsAccess::default() };
        let profiles = self
            .profiles
            .iter()
            .map(|profile| (profile.clone(), AwsAccess { profile: Some(profile.clone()), ..AwsAccess::default() }));
        let roles = self.role_arns.iter().map(|role| (account_and_role(role), through_role(role.clone())));
        let role_name = self.role_name.as_deref().unwrap_or(ROLE_NAME);
        let ids = self.ids.iter().map(|id| {
            let role = format!("arn:{}:iam::{id}:role/{role_name}", partition(region));
            (id.clone(), through_role(role))
        });
        let accounts: Vec<_> = profiles.chain(roles).chain(ids).collect();
        if accounts.is_empty() { vec![(String::new(), AwsAccess::default())] } else { accounts }
    }
}

/// The partition of a region (AWS documentation, "Amazon Resource Names").
fn partition(region: Option<&str>) -> &'static str {
    match region {
        Some(region) if region.starts_with("cn-") => "aws-cn",
        Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// The account and the name in a role's ARN: `123456789012/NAME`.
fn account_and_role(arn: &str) -> String {
    let parts: Vec<_> = arn.split(':').skip(4).collect();
    parts.join("/").replacen("/role/", "/", 1)
}

/// # Errors
/// The expected format.
pub(super) fn parse_account(text: &str) -> Result<String, String> {
    let is_id = text.len() == 12 && text.bytes().all(|letter| letter.is_ascii_digit());
    if is_id { Ok(text.to_owned()) } else { Err("expected an account id of 12 digits".to_owned()) }
}

/// # Errors
/// The expected format.
pub(super) fn parse_role(text: &str) -> Result<String, String> {
    match text.split(':').collect::<Vec<_>>()[..] {
        ["arn", _, "iam", "", account, role] if parse_account(account).is_ok() && role.starts_with("role/") => {
            Ok(text.to_owned())
        }
        _ => Err("expected a role ARN: arn:aws:iam::ACCOUNT:role/NAME".to_owned()),
    }
}

/// # Errors
/// The expected format: a region is part of a host name.
pub(super) fn parse_region(text: &str) -> Result<String, String> {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
    };
    if text.split('-').count() >= 3 && text.split('-').all(is_part) {
        return Ok(text.to_owned());
    }
    Err("expected a region of AWS such as eu-west-1 (the region of the platform is in the document)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(accounts: &Accounts) -> Vec<String> {
        accounts.places().into_iter().map(|place| place.name).collect()
    }

    #[test]
    fn every_region_of_every_account_is_a_place() {
        assert_eq!(Accounts::default().places(), [Place::default()]);
        let accounts = Accounts {
            profiles: vec!["prod".to_owned(), "prod".to_owned()],
            ids: vec!["123456789012".to_owned()],
            role_name: None,
            role_arns: vec!["arn:aws:iam::210987654321:role/a".to_owned()],
            regions: vec!["eu-west-1".to_owned(), "cn-north-1".to_owned()],
        };
        assert_eq!(
            names(&accounts),
            [
                "prod/eu-west-1",
                "210987654321/a/eu-west-1",
                "123456789012/eu-west-1",
                "prod/cn-north-1",
                "210987654321/a/cn-north-1",
                "123456789012/cn-north-1",
            ]
        );
        let roles: Vec<_> = accounts.places().into_iter().filter_map(|place| place.access.role_arn).collect();
        assert_eq!(roles[1], "arn:aws:iam::123456789012:role/genesys-rotator-operator");
        assert_eq!(roles[3], "arn:aws-cn:iam::123456789012:role/genesys-rotator-operator");
    }

    #[test]
    fn accounts_roles_and_regions_are_validated() {
        assert!(parse_account("123456789012").is_ok() && parse_account("12345678901").is_err());
        assert!(parse_role("arn:aws:iam::123456789012:role/path/name").is_ok());
        for role in ["name", "arn:aws:iam::1:role/x", "arn:aws:iam::123456789012:user/x"] {
            assert!(parse_role(role).is_err(), "{role}");
        }
        assert!(parse_region("us-gov-east-1").is_ok());
        for region in ["mypurecloud.ie", "eu-west", "EU-WEST-1", "eu-west-1.evil"] {
            assert!(parse_region(region).is_err(), "{region}");
        }
    }
}
