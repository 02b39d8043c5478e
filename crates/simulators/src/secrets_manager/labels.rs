//! Staging labels: each sits on one version at most, and AWSCURRENT drags
//! AWSPREVIOUS behind it (Secrets Manager user guide, "What's in a secret", Version).

use std::collections::BTreeSet;

use super::error::ServiceError;
use super::state::Secret;

/// The label of the version that is in use.
pub(super) const CURRENT: &str = "AWSCURRENT";
/// The label of the version that was in use before.
pub(super) const PREVIOUS: &str = "AWSPREVIOUS";
/// The label of the version that a rotation is making.
pub(super) const PENDING: &str = "AWSPENDING";
/// The most labels that a version can carry.
pub(super) const LABEL_LIMIT: usize = 20;

impl Secret {
    /// Checks that a version can carry these labels besides the ones it has.
    pub(super) fn check_label_count(&self, labels: &[String], version: &str) -> Result<(), ServiceError> {
        let present = self.version(version).into_iter().flat_map(|version| &version.labels);
        if present.chain(labels).collect::<BTreeSet<_>>().len() <= LABEL_LIMIT {
            return Ok(());
        }
        let message = format!("You can't attach more than {LABEL_LIMIT} staging labels to a version of a secret.");
        Err(ServiceError::new("LimitExceededException", message))
    }

    /// Attaches labels to a version, taking them off the versions that hold them now.
    pub(super) fn attach(&mut self, labels: &[String], version: &str) {
        for label in labels {
            self.attach_one(label, version);
        }
    }

    /// Takes a label off whichever version holds it.
    pub(super) fn detach(&mut self, label: &str) {
        for version in &mut self.versions {
            version.labels.remove(label);
        }
    }

    fn attach_one(&mut self, label: &str, version: &str) {
        let holder = self.holder(label).map(|holder| holder.id.clone());
        if holder.as_deref() == Some(version) {
            return;
        }
        self.detach(label);
        if let Some(target) = self.version_mut(version) {
            target.labels.insert(label.to_owned());
        }
        if label != CURRENT {
            return;
        }
        let Some(holder) = holder else { return };
        self.detach(PREVIOUS);
        if let Some(former) = self.version_mut(&holder) {
            // A rotation may leave AWSPENDING beside AWSCURRENT; the two leave together.
            former.labels.remove(PENDING);
            former.labels.insert(PREVIOUS.to_owned());
        }
    }
}
