//! All simulators behind one port, and a rotation function.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::control;
use crate::cxone::{self, AccessKey, Application, Cxone, CxoneSettings};
use crate::faults::Faults;
use crate::function::{Function, FunctionSettings};
use crate::genesys::{self, Genesys, GenesysSettings, OAuthClient};
use crate::http::{Reply, Request, Server, Service};
use crate::journal::Journal;
use crate::secrets_manager::{self, SecretsManager, SecretsManagerSettings};

/// The settings of a simulation.
#[derive(Clone, Debug, Default)]
pub struct SimulationSettings {
    /// The port on 127.0.0.1; 0 selects a free one.
    pub port: u16,
    /// The OAuth clients of Genesys Cloud, as id and secret.
    pub clients: Vec<(String, String)>,
    /// The applications of CXone, as id and secret.
    pub cxone_clients: Vec<(String, String)>,
    /// The access keys of a CXone user, as id and secret.
    pub cxone_access_keys: Vec<(String, String)>,
    /// The lifetime of tokens, in seconds; `None` for a day, and for an hour on CXone.
    pub token_lifetime: Option<u64>,
    /// The Lambda binary behind every RotationLambdaARN.
    pub function: Option<PathBuf>,
    /// The function's environment, beside the simulators' addresses.
    pub function_environment: Vec<(String, String)>,
    /// The configuration of the function.
    pub function_settings: FunctionSettings,
    /// The knobs of Secrets Manager.
    pub secrets_manager: SecretsManagerSettings,
}

/// Running simulators. They stop when dropped.
pub struct Simulation {
    /// Genesys Cloud.
    pub genesys: Arc<Genesys>,
    /// NICE CXone.
    pub cxone: Arc<Cxone>,
    /// Secrets Manager.
    pub secrets_manager: SecretsManager,
    /// The function, if one is configured.
    pub function: Option<Function>,
    /// The configured faults.
    pub faults: Faults,
    /// The recorded calls.
    pub journal: Journal,
    server: Server,
}

/// The service behind the port. AWS SDKs name their action in a header, CXone has its own paths, and all other requests
/// belong to Genesys Cloud.
struct Front {
    genesys: Arc<Genesys>,
    cxone: Arc<Cxone>,
    secrets_manager: SecretsManager,
}

impl Simulation {
    /// Starts all simulators.
    ///
    /// # Errors
    /// The port could not be bound, or the function could not be started.
    pub async fn start(settings: SimulationSettings) -> io::Result<Self> {
        let genesys = Arc::new(Genesys::new(genesys_settings(&settings)));
        for (id, secret) in &settings.clients {
            genesys.add_client(OAuthClient::new(id, secret));
        }
        let cxone = Arc::new(simulated_cxone(&settings));
        let secrets_manager = SecretsManager::new(settings.secrets_manager);
        let (faults, journal) = (Faults::default(), Journal::default());
        let front = Front {
            genesys: Arc::clone(&genesys),
            cxone: Arc::clone(&cxone),
            secrets_manager: secrets_manager.clone(),
        };
        let server = Server::start(settings.port, Arc::new(front), faults.clone(), journal.clone()).await?;
        let mut simulation = Self { genesys, cxone, secrets_manager, function: None, faults, journal, server };
        if let Some(path) = settings.function {
            simulation.attach(path, settings.function_environment, settings.function_settings).await?;
        }
        Ok(simulation)
    }

    /// Returns the base URL of the login services and APIs of both platforms.
    pub fn genesys_url(&self) -> String {
        self.server.url()
    }

    /// Returns the endpoint URL of Secrets Manager.
    pub fn secrets_manager_url(&self) -> String {
        self.server.url()
    }

    async fn attach(
        &mut self,
        path: PathBuf,
        mut environment: Vec<(String, String)>,
        settings: FunctionSettings,
    ) -> io::Result<()> {
        environment.extend([
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER".to_owned(), self.secrets_manager_url()),
            ("ROTATOR_LOGIN_URL".to_owned(), self.genesys_url()),
            ("ROTATOR_API_URL".to_owned(), self.genesys_url()),
        ]);
        let function = Function::start(path, environment, settings).await?;
        self.secrets_manager.set_function(function.clone());
        let killed = function.clone();
        self.faults.on_kill(move || killed.kill());
        self.function = Some(function);
        Ok(())
    }
}

impl Service for Front {
    fn operation(&self, request: &Request) -> String {
        match () {
            () if is_aws(request) => self.secrets_manager.operation(request),
            () if self.cxone.takes(request) => self.cxone.operation(request),
            () => self.genesys.operation(request),
        }
    }

    async fn answer(&self, request: Request) -> Reply {
        match () {
            () if is_aws(&request) => self.secrets_manager.answer(request).await,
            () if self.cxone.takes(&request) => self.cxone.answer(request).await,
            () => self.genesys.answer(request).await,
        }
    }

    fn control(&self, request: &Request, faults: &Faults, journal: &Journal) -> Option<Reply> {
        secrets_manager::control(request, &self.secrets_manager)
            .or_else(|| cxone::control(request, &self.cxone))
            .or_else(|| genesys::control(request, &self.genesys))
            .or_else(|| control::handle(request, faults, journal))
    }
}

fn is_aws(request: &Request) -> bool {
    request.headers.contains_key("x-amz-target")
}

fn simulated_cxone(settings: &SimulationSettings) -> Cxone {
    let mut knobs = CxoneSettings::default();
    if let Some(seconds) = settings.token_lifetime {
        knobs.token_lifetime = seconds;
    }
    let cxone = Cxone::new(knobs);
    for (id, secret) in &settings.cxone_clients {
        cxone.add_client(Application::new(id, secret));
    }
    for (id, secret) in &settings.cxone_access_keys {
        cxone.add_access_key(AccessKey::new(id, secret));
    }
    cxone
}

fn genesys_settings(settings: &SimulationSettings) -> GenesysSettings {
    let mut knobs = GenesysSettings::default();
    if let Some(seconds) = settings.token_lifetime {
        knobs.token_lifetime = seconds;
    }
    knobs
}
