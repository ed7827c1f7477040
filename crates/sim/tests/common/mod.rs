//! A plain client for the simulated vendors.

use serde_json::Value;
use tallysheet_sim::{Options, Simulation};
use ureq::Agent;

pub(crate) struct Client {
    pub(crate) simulation: Simulation,
    pub(crate) config: toml::Table,
    agent: Agent,
}

pub(crate) async fn client(options: Options) -> Client {
    let simulation = Simulation::start(options).await.unwrap();
    let config = toml::from_str(&simulation.config_toml()).unwrap();
    let agent = Agent::config_builder().http_status_as_error(false).build().new_agent();
    Client { simulation, config, agent }
}

impl Client {
    /// A setting of an integration's section.
    pub(crate) fn setting(&self, integration: &str, key: &str) -> &str {
        self.config["integrations"][integration][key].as_str().unwrap()
    }

    pub(crate) fn get(&self, url: &str, authorization: &str) -> (u16, Value) {
        self.get_with(url, &[("Authorization", authorization)])
    }

    pub(crate) fn get_with(&self, url: &str, headers: &[(&str, &str)]) -> (u16, Value) {
        let request = headers.iter().fold(self.agent.get(url), |request, (name, value)| request.header(*name, *value));
        let mut answer = request.call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
    }

    pub(crate) fn read(&self, url: &str, authorization: &str) -> Value {
        let (status, body) = self.get(url, authorization);
        assert_eq!(status, 200, "{url}: {body}");
        body
    }

    pub(crate) fn post_form(&self, url: &str, authorization: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let request = self.agent.post(url).header("Authorization", authorization);
        let mut answer = request.send_form(form.iter().copied()).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
    }

    pub(crate) fn post_json(&self, url: &str, authorization: &str, body: &Value) -> (u16, Value) {
        self.post_with(url, &[("Authorization", authorization)], body)
    }

    pub(crate) fn post_with(&self, url: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
        let request = headers.iter().fold(self.agent.post(url), |request, (name, value)| request.header(*name, *value));
        let mut answer = request.send_json(body).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
    }

    pub(crate) fn patch_with(&self, url: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
        let request =
            headers.iter().fold(self.agent.patch(url), |request, (name, value)| request.header(*name, *value));
        let mut answer = request.send_json(body).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
    }
}

pub(crate) fn bearer((status, body): (u16, Value)) -> String {
    assert_eq!(status, 200, "{body}");
    format!("Bearer {}", body["access_token"].as_str().unwrap())
}

pub(crate) fn rows(body: &Value) -> Vec<Value> {
    body.as_array().unwrap().clone()
}

pub(crate) fn distinct(rows: &[Value], key: &str) -> usize {
    rows.iter().map(|row| row[key].to_string()).collect::<std::collections::BTreeSet<_>>().len()
}
