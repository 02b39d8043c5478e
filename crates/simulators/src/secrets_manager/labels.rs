//! Staging labels. A label is on at most one version, and moving AWSCURRENT moves AWSPREVIOUS as well (Secrets Manager user
//! guide, "What's in a secret", Version).

use std::collections::BTreeSet;

use super::error::ServiceError;
use super::state::Secret;

/// The label of the current version.
pub(super) const CURRENT: &str = "AWSCURRENT";
/// The label of the previous version.
pub(super) const PREVIOUS: &str = "AWSPREVIOUS";
/// The label of the version of a rotation in progress.
pub(super) const PENDING: &str = "AWSPENDING";
/// Limits the labels of a version.
pub(super) const LABEL_LIMIT: usize = 20;

impl Secret {
    /// Checks that these labels and the version's own are within the limit.
    pub(super) fn check_label_count(&self, labels: &[String], version: &str) -> Result<(), ServiceError> {
        let present = self.version(version).into_iter().flat_map(|version| &version.labels);
        if present.chain(labels).collect::<BTreeSet<_>>().len() <= LABEL_LIMIT {
            return Ok(());
        }
        let message = format!("You can't attach more than {LABEL_LIMIT} staging labels to a version of a secret.");
        Err(ServiceError::new("LimitExceededException", message))
    }

    /// Attaches labels to a version, and removes them from other versions. Returns the labels that were not there before.
    pub(super) fn attach(&mut self, labels: &[String], version: &str) -> Vec<String> {
        labels.iter().filter(|label| self.attach_one(label, version)).cloned().collect()
    }

    /// Removes a label from its version.
    pub(super) fn detach(&mut self, label: &str) {
        for version in &mut self.versions {
            version.labels.remove(label);
        }
    }

    /// Returns whether the label moved.
    fn attach_one(&mut self, label: &str, version: &str) -> bool {
        let holder = self.holder(label).map(|holder| holder.id.clone());
        if holder.as_deref() == Some(version) {
            return false;
        }
        self.detach(label);
        if let Some(target) = self.version_mut(version) {
            target.labels.insert(label.to_owned());
        }
        let Some(holder) = holder.filter(|_| label == CURRENT) else { return true };
        self.detach(PREVIOUS);
        if let Some(former) = self.version_mut(&holder) {
            // A rotation may leave AWSPENDING beside AWSCURRENT. Both are removed together.
            former.labels.remove(PENDING);
            former.labels.insert(PREVIOUS.to_owned());
        }
        true
    }
}
