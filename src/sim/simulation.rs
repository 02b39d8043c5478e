//! Both simulators behind one port, and a rotation function beside them.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::control;
use super::faults::Faults;
use super::function::{self, Function};
use super::genesys::{self, Client, Genesys};
use super::http::{Reply, Request, Server, Service};
use super::journal::Journal;
use super::secrets_manager::{self, SecretsManager};

/// What a simulation is started with.
#[derive(Clone, Debug, Default)]
pub struct SimulationSettings {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The OAuth clients, as id and secret.
    pub clients: Vec<(String, String)>,
    /// How long tokens live, in seconds; `None` for a day.
    pub token_lifetime: Option<u64>,
    /// The Lambda binary that every RotationLambdaARN stands for.
    pub function: Option<PathBuf>,
    /// What the function finds in its environment besides the simulators' addresses.
    pub function_environment: Vec<(String, String)>,
    /// How the function is run.
    pub function_settings: function::Settings,
    /// The knobs of Secrets Manager.
    pub secrets_manager: secrets_manager::Settings,
}

/// Running simulators; they end when dropped.
pub struct Simulation {
    /// Genesys Cloud.
    pub genesys: Arc<Genesys>,
    /// Secrets Manager.
    pub secrets_manager: SecretsManager,
    /// The function, where there is one.
    pub function: Option<Function>,
    /// What is to go wrong.
    pub faults: Faults,
    /// What was called.
    pub journal: Journal,
    server: Server,
}

/// The one service behind the port: the AWS SDKs name their action in a header, Genesys Cloud is all the rest.
struct Front {
    genesys: Arc<Genesys>,
    secrets_manager: SecretsManager,
}

impl Simulation {
    /// Starts everything.
    ///
    /// # Errors
    /// The port could not be bound, or the function could not be started.
    pub async fn start(settings: SimulationSettings) -> io::Result<Self> {
        let genesys = Arc::new(Genesys::new(genesys_settings(&settings)));
        for (id, secret) in &settings.clients {
            genesys.add_client(Client::new(id, secret));
        }
        let secrets_manager = SecretsManager::new(settings.secrets_manager);
        let (faults, journal) = (Faults::default(), Journal::default());
        let front = Front { genesys: Arc::clone(&genesys), secrets_manager: secrets_manager.clone() };
        let server = Server::start(settings.port, Arc::new(front), faults.clone(), journal.clone()).await?;
        let mut simulation = Self { genesys, secrets_manager, function: None, faults, journal, server };
        if let Some(path) = settings.function {
            simulation.attach(path, settings.function_environment, settings.function_settings).await?;
        }
        Ok(simulation)
    }

    /// The base URL of Genesys Cloud's login and API.
    pub fn genesys_url(&self) -> String {
        self.server.url()
    }

    /// The endpoint URL of Secrets Manager.
    pub fn secrets_manager_url(&self) -> String {
        self.server.url()
    }

    async fn attach(
        &mut self,
        path: PathBuf,
        mut environment: Vec<(String, String)>,
        settings: function::Settings,
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
        if is_aws(request) { self.secrets_manager.operation(request) } else { self.genesys.operation(request) }
    }

    async fn answer(&self, request: Request) -> Reply {
        if is_aws(&request) { self.secrets_manager.answer(request).await } else { self.genesys.answer(request).await }
    }

    fn control(&self, request: &Request, faults: &Faults, journal: &Journal) -> Option<Reply> {
        secrets_manager::control(request, &self.secrets_manager)
            .or_else(|| control::handle(request, &self.genesys, faults, journal))
    }
}

fn is_aws(request: &Request) -> bool {
    request.headers.contains_key("x-amz-target")
}

fn genesys_settings(settings: &SimulationSettings) -> genesys::Settings {
    let mut knobs = genesys::Settings::default();
    if let Some(seconds) = settings.token_lifetime {
        knobs.token_lifetime = seconds;
    }
    knobs
}
