//! Following a rotation that another task runs, on a store in memory.

use tokio::sync::Notify;

use super::*;
use crate::rotation::{
    AccessKeys, ClientSecrets, Credentials, IdleTimeouts, IssuedToken, PREVIOUS, Place, Probe, StagedBy, StepOutcome,
    StepRequest, SystemClock, TokenIssuer,
};
use crate::secret::SecretString;
use crate::store::memory::MemoryStore;

const VALUE: &str = r#"{"region":"mypurecloud.ie","client_id":"client","client_secret":"secret"}"#;
const LONG: Duration = Duration::from_secs(60);

/// Issues and verifies tokens, or fails with the given error.
#[derive(Default)]
struct StubIssuer {
    issue: Option<ErrorKind>,
    verify: Option<ErrorKind>,
}

fn fail(kind: Option<ErrorKind>) -> Result<()> {
    kind.map_or(Ok(()), |kind| Err(RotationError::new(kind, "the stub fails")))
}

impl TokenIssuer for StubIssuer {
    async fn issue(&self, _: &Credentials) -> Result<IssuedToken> {
        fail(self.issue)?;
        let access_token = SecretString::from("token");
        Ok(IssuedToken {
            access_token,
            token_type: "bearer".to_owned(),
            lifetime: Duration::from_secs(3_600),
            tenant_id: None,
        })
    }

    async fn verify(&self, _: &Credentials, _: &SecretString, _: &[Probe]) -> Result<()> {
        fail(self.verify)
    }

    async fn revoke(&self, _: &Place, _: &SecretString) -> Result<()> {
        Ok(())
    }
}

impl ClientSecrets for StubIssuer {}
impl AccessKeys for StubIssuer {}
impl TokenDuration for StubIssuer {}

impl IdleTimeouts for StubIssuer {}

struct Scene {
    rotator: Rotator<MemoryStore, StubIssuer, SystemClock>,
    request: StepRequest,
}

impl Scene {
    /// A secret with an empty pending version.
    fn new(issuer: StubIssuer) -> Self {
        Self::holding(issuer, VALUE)
    }

    fn holding(issuer: StubIssuer, value: &str) -> Self {
        let (store, secret, version) = (MemoryStore::new(), SecretId::new("token"), VersionId::random());
        store.create(secret.clone(), SecretString::from(value));
        store.stage_empty(&secret, &version).expect("the secret exists");
        let rotator = Rotator::new(store, issuer, SystemClock);
        let request = StepRequest { secret, version, rotation_token: None, staged_by: StagedBy::Service };
        Self { rotator, request }
    }

    /// Promotes the pending version, as the function does, whatever this machine's issuer answers.
    async fn promote_by_another_process(&self) {
        let (StepRequest { secret, version, .. }, store) = (&self.request, &self.rotator.store);
        store.stage(secret, version, &SecretString::from(VALUE), None).await.expect("it is staged");
        let current = store.read(secret, VersionSelector::Current).await.expect("a store in memory").expect("a value");
        store.promote(secret, version, &current).await.expect("it is promoted");
    }

    async fn steps(&self, steps: &[Step]) {
        for step in steps {
            let done = self.rotator.step(*step, &self.request, Deadline::after(LONG)).await;
            done.expect("the step succeeds");
        }
    }

    async fn follow(&self, timeout: Duration, stillness: Duration, mut watch: impl FnMut(Step)) -> RotationReport {
        let following = Following::begin(&self.rotator, &self.request.secret, timeout);
        let following = Following { stillness: [stillness; 2], ..following };
        following.follow(self.request.version.clone(), &mut watch).await
    }
}

fn outcomes(report: &RotationReport) -> Vec<(Step, bool)> {
    report.steps.iter().map(|record| (record.step, record.outcome == Some(StepOutcome::Done))).collect()
}

fn kind(report: &RotationReport) -> Option<ErrorKind> {
    report.error.as_ref().map(RotationError::kind)
}

const ALL_DONE: [(Step, bool); 4] = [(Step::Create, true), (Step::Set, true), (Step::Test, true), (Step::Finish, true)];

#[tokio::test]
async fn a_rotation_is_followed_until_the_label_has_moved() {
    let scene = Scene::new(StubIssuer::default());
    scene.steps(&[Step::Create]).await;
    let (staged, mut started) = (Notify::new(), Vec::new());
    let watch = |step| {
        started.push(step);
        if step == Step::Test {
            staged.notify_one();
        }
    };
    let function = async {
        staged.notified().await;
        scene.steps(&[Step::Set, Step::Test, Step::Finish]).await;
    };
    let (report, ()) = tokio::join!(scene.follow(LONG, LONG, watch), function);
    assert_eq!((kind(&report), outcomes(&report)), (None, ALL_DONE.to_vec()));
    assert_eq!(started, [Step::Create, Step::Test]);
    assert!(report.token_life.is_some_and(|life| life.left > Duration::from_secs(3_000)));
}

#[tokio::test]
async fn steps_that_complete_between_two_polls_share_their_time() {
    let scene = Scene::new(StubIssuer::default());
    scene.steps(&Step::ALL).await;
    let report = scene.follow(LONG, LONG, |_| {}).await;
    assert_eq!((kind(&report), outcomes(&report)), (None, ALL_DONE.to_vec()));
    assert!(report.steps[..3].iter().all(|record| record.took.is_zero()) && !report.steps[3].took.is_zero());
    assert!(report.token_life.is_some(), "the promoted document has an expiry");
}

#[tokio::test]
async fn a_version_that_is_previous_now_counts_as_promoted() {
    let scene = Scene::new(StubIssuer::default());
    scene.steps(&Step::ALL).await;
    let secret = &scene.request.secret;
    let next = scene.rotator.rotate(secret, VersionId::random(), Deadline::after(LONG), |_| {}).await;
    assert!(next.promoted());
    let described = scene.rotator.store.describe(secret).await.expect("the secret exists");
    assert_eq!(described.holder(PREVIOUS), Some(&scene.request.version));
    assert_eq!(kind(&scene.follow(LONG, LONG, |_| {}).await), None);
}

#[tokio::test]
async fn a_version_that_lost_its_label_counts_as_abandoned() {
    let scene = Scene::new(StubIssuer::default());
    scene.steps(&[Step::Create]).await;
    let staged = Notify::new();
    let function = async {
        staged.notified().await;
        let unstaged = scene.rotator.store.unstage(&scene.request.secret, &scene.request.version).await;
        unstaged.expect("it was staged");
    };
    let watch = |step| {
        if step == Step::Test {
            staged.notify_one();
        }
    };
    let (report, ()) = tokio::join!(scene.follow(LONG, LONG, watch), function);
    assert_eq!(kind(&report), Some(ErrorKind::VersionNotStaged));
    assert_eq!(outcomes(&report), [(Step::Create, true), (Step::Set, true), (Step::Test, false)]);
}

#[tokio::test]
async fn rejected_credentials_are_reported_as_the_reason() {
    let issuer = StubIssuer { issue: Some(ErrorKind::CredentialsRejected), ..StubIssuer::default() };
    let report = Scene::new(issuer).follow(LONG, Duration::ZERO, |_| {}).await;
    assert_eq!(kind(&report), Some(ErrorKind::CredentialsRejected));
    assert_eq!(outcomes(&report), [(Step::Create, false)]);
}

#[tokio::test]
async fn a_rejected_staged_token_is_reported_as_the_reason() {
    let scene = Scene::new(StubIssuer { verify: Some(ErrorKind::TokenRejected), ..StubIssuer::default() });
    scene.steps(&[Step::Create]).await;
    let report = scene.follow(LONG, Duration::ZERO, |_| {}).await;
    assert_eq!(kind(&report), Some(ErrorKind::TokenRejected));
    assert_eq!(outcomes(&report), [(Step::Create, true), (Step::Set, true), (Step::Test, false)]);
}

#[tokio::test]
async fn without_a_reason_the_stuck_step_is_reported() {
    let scene = Scene::new(StubIssuer::default());
    let report = scene.follow(Duration::from_millis(10), Duration::ZERO, |_| {}).await;
    assert_eq!(kind(&report), Some(ErrorKind::DeadlineExceeded));
    assert_eq!(outcomes(&report), [(Step::Create, false)]);
    scene.steps(&[Step::Create]).await;
    let report = scene.follow(Duration::from_millis(500), LONG, |_| {}).await;
    assert_eq!(kind(&report), Some(ErrorKind::DeadlineExceeded));
    assert_eq!(outcomes(&report).last(), Some(&(Step::Finish, false)));
}

/// The document of an in-place rotation, whose stored client secret is invalid until the promotion.
const IN_PLACE: &str = r#"{"region":"mypurecloud.ie","client_id":"client","client_secret":"dead","rotate":"client_secret","accept_gap":true}"#;

#[tokio::test(start_paused = true)]
async fn a_rejected_secret_does_not_end_the_following_of_an_in_place_rotation() {
    for rejection in [ErrorKind::CredentialsRejected, ErrorKind::TokenRejected] {
        let issuer = StubIssuer { issue: Some(rejection), verify: None };
        let scene = Scene::holding(issuer, IN_PLACE);
        let version = &scene.request.version;
        let promote = async {
            sleep(Duration::from_secs(40)).await;
            scene.promote_by_another_process().await;
        };
        let (report, ()) = tokio::join!(scene.follow(LONG, Duration::from_secs(5), |_| {}), promote);
        assert_eq!((kind(&report), report.version.as_ref()), (None, Some(version)), "{rejection}");
        let scene = Scene::holding(StubIssuer { issue: Some(rejection), verify: None }, IN_PLACE);
        let report = scene.follow(LONG, Duration::from_secs(5), |_| {}).await;
        assert_eq!(kind(&report), Some(ErrorKind::DeadlineExceeded), "a rejection is not reported as the reason");
    }
}

#[tokio::test(start_paused = true)]
async fn the_timeout_includes_the_last_diagnosis() {
    let scene = Scene::new(StubIssuer::default());
    let began = Instant::now();
    let report = scene.follow(LONG, LONG, |_| {}).await;
    assert_eq!(kind(&report), Some(ErrorKind::DeadlineExceeded));
    assert!(began.elapsed() <= LONG, "{:?}", began.elapsed());
}
