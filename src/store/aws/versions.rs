//! When versions were created, and how many rotations have replaced (Secrets Manager API reference, `ListSecretVersionIds`).

use jiff::Timestamp;

use super::client::AwsSecretsManager;
use super::failure::{AwsCall, of_any_call};
use crate::rotation::{CURRENT, PENDING, PREVIOUS, Result, SecretId, VersionId};

impl AwsSecretsManager {
    /// Returns how many versions were created since a time and have none of the labels `AWSCURRENT`, `AWSPREVIOUS` and
    /// `AWSPENDING`.
    ///
    /// # Errors
    /// As for reading.
    pub async fn replaced_since(&self, secret: &SecretId, since: Timestamp) -> Result<usize> {
        let call = AwsCall { action: "ListSecretVersionIds", secret };
        let request = self.client.list_secret_version_ids().secret_id(secret.as_str()).include_deprecated(true);
        let mut pages = request.into_paginator().send();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call.failed(&of_any_call(error)))?;
            let is_labelled = |label: &String| [CURRENT, PREVIOUS, PENDING].contains(&label.as_str());
            let versions = page.versions().iter().filter(|version| {
                let is_recent = version.created_date().is_none_or(|date| date.secs() >= since.as_second());
                is_recent && !version.version_stages().iter().any(is_labelled)
            });
            count += versions.count();
        }
        Ok(count)
    }

    /// Returns when a version was created; `None` if it is not listed.
    ///
    /// # Errors
    /// As for reading.
    pub async fn created(&self, secret: &SecretId, version: &VersionId) -> Result<Option<Timestamp>> {
        let call = AwsCall { action: "ListSecretVersionIds", secret };
        let request = self.client.list_secret_version_ids().secret_id(secret.as_str());
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call.failed(&of_any_call(error)))?;
            let found = page.versions().iter().find(|listed| listed.version_id() == Some(version.as_str()));
            if let Some(listed) = found {
                return Ok(listed.created_date().and_then(|date| Timestamp::from_second(date.secs()).ok()));
            }
        }
        Ok(None)
    }
}
