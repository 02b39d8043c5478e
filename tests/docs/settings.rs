//! What each page of the documentation is followed with. A new page is a line in [`SETTINGS`].

/// What there is besides the simulators.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// Nothing.
    Simulators,
    /// OpenBao, whose directory for plugins is empty.
    EngineToInstall,
    /// OpenBao with the engine at `genesys-cloud/`, a config `main`, a role `ci` and a static role `reports`.
    Engine,
}

/// How a page's commands are run.
pub struct Setting {
    /// The page.
    pub page: &'static str,
    /// What there is.
    pub host: Host,
    /// Commands of which the page says nothing, each before the first of its own that begins so: what its reader has
    /// done, or has met with.
    pub given: &'static [(&'static str, &'static str)],
    /// How commands begin that are not run here, and why not. Each has to be there for one at least.
    pub elsewhere: &'static [(&'static str, &'static str)],
}

/// A secret in Secrets Manager, as yet without a function.
const STORED: &str = "aws secretsmanager create-secret --name prod/genesys --secret-string file://genesys.json";
/// The function, attached.
const ATTACHED: &str = "aws secretsmanager rotate-secret --secret-id prod/genesys \
     --rotation-lambda-arn arn:aws:lambda:eu-west-1:123456789012:function:genesys-rotator \
     --rotation-rules '{\"ScheduleExpression\": \"rate(4 hours)\"}'";
/// The rotation that this begins is at its end.
const SETTLED: &str =
    "while aws secretsmanager describe-secret --secret-id prod/genesys | grep -q AWSPENDING; do sleep 0.1; done";
/// A rotation that lies about half done.
const STUCK: &str = "aws secretsmanager put-secret-value --secret-id prod/genesys --version-stages AWSPENDING \
     --secret-string '{\"region\": \"mypurecloud.ie\", \"client_id\": \"my-id\", \"client_secret\": \"was-wrong\"}'";

/// The same secret in KV, and a token in it.
const IN_KV: &str = "bao kv put -mount=secret team/genesys @genesys.json";
const ROTATED_IN_KV: &str = "genesys-rotator rotate vault:secret/team/genesys";
/// A config of the engine whose client is alone, and one whose client edits others.
const ONE_CLIENT: &str =
    "bao write genesys-cloud/config/main region=mypurecloud.ie client_id=my-id client_secret=- < client-secret";
const ADMIN: &str = "printf admin-secret | bao write genesys-cloud/config/admin region=mypurecloud.ie client_id=admin-id client_secret=-";
/// What a deployment makes, as yet without a value.
const DEPLOYED: &str = "aws secretsmanager create-secret --name genesys/token";
const DEPLOYED_AND_ATTACHED: &str = "aws secretsmanager rotate-secret --secret-id genesys/token \
     --rotation-lambda-arn arn:aws:lambda:eu-west-1:123456789012:function:genesys-rotator \
     --rotation-rules '{\"ScheduleExpression\": \"rate(4 hours)\"}'";
/// One that was there before the deployment.
const OF_ANOTHER_NAME: &str =
    "aws secretsmanager create-secret --name genesys/reports --secret-string file://genesys.json";

/// Every page with commands.
pub const SETTINGS: &[Setting] = &[
    Setting { page: "README.md", host: Host::EngineToInstall, given: &[], elsewhere: &[] },
    Setting {
        page: "docs/aws.md",
        host: Host::Simulators,
        given: &[
            ("aws secretsmanager put-secret-value", DEPLOYED),
            ("aws secretsmanager rotate-secret", OF_ANOTHER_NAME),
            ("aws secretsmanager cancel-rotate-secret", DEPLOYED_AND_ATTACHED),
        ],
        elsewhere: &[
            ("make package", "compilers for two processors, and half an hour"),
            ("cd infra/aws", "the files at hand lie elsewhere"),
        ],
    },
    Setting {
        page: "docs/break-glass.md",
        host: Host::Engine,
        given: &[],
        elsewhere: &[("genesys-rotator rotate --all --rotation-function", "a real account")],
    },
    Setting {
        page: "docs/command-line.md",
        host: Host::Simulators,
        given: &[("", STORED), ("", ATTACHED), ("", SETTLED)],
        elsewhere: &[],
    },
    Setting { page: "docs/documents.md", host: Host::Simulators, given: &[], elsewhere: &[] },
    Setting { page: "docs/kv.md", host: Host::EngineToInstall, given: &[], elsewhere: &[] },
    Setting {
        page: "docs/packages.md",
        host: Host::EngineToInstall,
        given: &[],
        elsewhere: &[
            ("make package", "compilers for two processors, and half an hour"),
            ("sha256sum -c", "a release"),
            ("cd dist", "a release"),
            ("tar -xzf", "a release"),
            ("bao plugin register -sha256=\"$(cut", "a release"),
            ("genesys-rotator completions bash > /etc", "a host of its own"),
        ],
    },
    Setting {
        page: "docs/pipelines.md",
        host: Host::Engine,
        given: &[("", STORED), ("", ATTACHED), ("", SETTLED), ("", IN_KV), ("", ROTATED_IN_KV)],
        elsewhere: &[("genesys-rotator exec prod/genesys --minimum-life 1h -- terraform", "a real account")],
    },
    Setting {
        page: "docs/runbook.md",
        host: Host::Engine,
        given: &[("", STORED), ("", ATTACHED), ("", SETTLED), ("pending=", STUCK)],
        elsewhere: &[],
    },
    Setting {
        page: "docs/session.md",
        host: Host::Simulators,
        // What the page has told to begin just before is at its end.
        given: &[("genesys-rotator rotate prod/genesys", SETTLED)],
        elsewhere: &[],
    },
    Setting {
        page: "docs/upgrading.md",
        host: Host::Engine,
        given: &[("", STORED), ("", ATTACHED), ("", SETTLED)],
        elsewhere: &[],
    },
    Setting {
        page: "docs/vault-openbao.md",
        host: Host::EngineToInstall,
        given: &[
            ("bao write genesys-cloud/config/main idle_client_id", ONE_CLIENT),
            ("bao write genesys-cloud/config/main idle_client_id", ADMIN),
        ],
        elsewhere: &[],
    },
    Setting {
        page: "infra/terraform/README.md",
        host: Host::Simulators,
        given: &[("aws secretsmanager", DEPLOYED)],
        elsewhere: &[],
    },
    Setting {
        page: "infra/vault/README.md",
        host: Host::EngineToInstall,
        given: &[],
        elsewhere: &[("bao login", "asks a person"), ("bao write auth/kubernetes/config", "a cluster")],
    },
];

/// How commands begin that no page's commands are run for: they need an account, a cluster or a registry.
pub const ELSEWHERE: &[(&str, &str)] = &[
    ("aws cloudformation", "a real account"),
    ("aws cloudwatch", "a real account"),
    ("aws iam", "a real account"),
    ("aws lambda", "a real account"),
    ("aws logs", "a real account"),
    ("aws s3", "a real account"),
    ("aws serverlessrepo", "a real account"),
    ("aws ssm", "a real account"),
    ("aws sts", "a real account"),
    ("sam ", "a real account"),
    ("terraform ", "a real account"),
    ("tofu ", "a real account"),
    ("kubectl ", "a cluster"),
    ("helm ", "a cluster"),
    ("docker ", "a container engine"),
    ("podman ", "a container engine"),
    ("gh ", "an account at GitHub"),
    ("git ", "a clone of its own"),
    ("cosign ", "a release's signature"),
    ("sudo ", "a host of its own"),
    ("apt", "a host of its own"),
    ("systemctl ", "a host of its own"),
    ("vault ", "HashiCorp Vault, which has not been run"),
];
