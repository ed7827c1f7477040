//! From vendor names to one company: against the simulated MSP, an empty companies file becomes a complete one, and nothing
//! false is ever accepted.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and tells what it measured")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tallysheet_config::Config;
use tallysheet_core::capability::DirectoryCompany;
use tallysheet_core::{CompanyDirectory, Identity, Link, Probe, Result, World, async_trait};
use tallysheet_engine::{
    Assembled, CERTAIN, Directory, Export, Listed, Opinion, Rule, Selection, Silent, Taken, Who, assemble, write,
};
use tallysheet_host::{Environment, System};
use tallysheet_sim::{Options, Simulation};

/// A PSA that lists what it is told.
#[derive(Clone)]
struct Psa(Vec<DirectoryCompany>);

#[async_trait]
impl CompanyDirectory for Psa {
    async fn companies(&self) -> Result<Vec<DirectoryCompany>> {
        Ok(self.0.clone())
    }
}

#[async_trait]
impl Probe for Psa {
    async fn check(&self) -> Result<Identity> {
        Ok(Identity::of("Northgate IT", "1"))
    }
}

/// The customers as a PSA has them: what the simulation's own companies file says, but for the vendors' ids.
fn psa(simulation: &Simulation) -> Psa {
    let text = simulation.companies_csv().unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let place = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let company = |(number, line): (usize, &str)| {
        // Names may hold commas; then they stand in quotes.
        let line = line
            .strip_prefix('"')
            .map_or_else(|| line.replacen(',', "\u{0}", 1), |rest| rest.replacen("\",", "\u{0}", 1));
        let (name, rest) = line.split_once('\u{0}').unwrap();
        let cells: Vec<&str> = rest.split(',').collect();
        let id = cells[place("autotask") - 1];
        DirectoryCompany {
            id: if id.is_empty() { format!("9{number}") } else { id.to_owned() },
            name: name.to_owned(),
            domains: Some(cells[place("domains") - 1])
                .filter(|domain| !domain.is_empty())
                .map(str::to_owned)
                .into_iter()
                .collect(),
            active: true,
        }
    };
    let mut companies: Vec<DirectoryCompany> = lines.enumerate().map(company).collect();
    companies.push(DirectoryCompany {
        id: "7".into(),
        name: "Long Gone Ltd".into(),
        domains: Vec::new(),
        active: false,
    });
    Psa(companies)
}

struct Msp {
    simulation: Simulation,
    folder: tempfile::TempDir,
    world: Arc<dyn World>,
}

impl Msp {
    async fn start(companies: usize, seed: u64) -> Self {
        let simulation = Simulation::start(Options { companies, seed, ..Options::default() }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = simulation.config_toml().replace("carry     = [\"account\"]", "");
        std::fs::write(folder.path().join("tallysheet.toml"), config).unwrap();
        std::fs::write(folder.path().join("companies.csv"), "").unwrap();
        let world = Arc::new(System::new(folder.path().join("state")));
        Self { simulation, folder, world }
    }

    fn assembled(&self, psa: Option<&Psa>) -> Assembled {
        let registry = tallysheet_connectors::registry();
        let config = Config::load(&self.path("tallysheet.toml"), &Environment::default(), &registry).unwrap();
        let store = Arc::new(tallysheet_store::Sqlite::open(&self.path("runs.db")).unwrap());
        let selection = Selection { companies_may_be_missing: true, ..Selection::default() };
        let mut assembled = assemble(config, &registry, self.world.clone(), store, &selection).unwrap();
        assembled.directory = psa.map(|psa| Directory {
            name: "autotask".into(),
            title: "Autotask".into(),
            timeout: Duration::from_mins(1),
            expect_account: None,
            probe: Arc::new(psa.clone()),
            ignored: Vec::new(),
            companies: Arc::new(psa.clone()),
        });
        assembled
    }

    async fn who(&self, psa: Option<&Psa>) -> Who {
        self.assembled(psa).who(&Silent).await.unwrap()
    }

    fn path(&self, file: &str) -> std::path::PathBuf {
        Path::new(self.folder.path()).join(file)
    }

    /// What the file says of each org, by integration and id.
    fn said(who: &Who) -> BTreeMap<(String, String), String> {
        let mut said = BTreeMap::new();
        for company in &who.companies[..who.in_file] {
            for (column, link) in &company.company.links {
                let Link::Ids(ids) = link else { continue };
                said.extend(ids.iter().map(|id| ((column.clone(), id.clone()), company.company.name.clone())));
            }
        }
        said
    }
}

/// One export of the PSA's companies and one accept: every true match is suggested first, none that is false is taken.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file_becomes_complete_in_one_export_and_one_accept() {
    for (companies, seed) in [(25, 1), (80, 3)] {
        let msp = Msp::start(companies, seed).await;
        let psa = psa(&msp.simulation);
        let truth = msp.simulation.who_is_who();
        let who = msp.who(Some(&psa)).await;
        write(&who, &who.export(&Export::Directory).unwrap(), &*msp.world).unwrap();

        let who = msp.who(Some(&psa)).await;
        assert_eq!(who.in_file, companies, "every active company has a row, and no other");
        let (mut right, mut unknown) = (0, 0);
        for one in &who.suggestions {
            let part = &who.parts[one.part];
            let org = who.org(one.part, one.org).unwrap();
            let best = one.best().map(|best| who.name(best.company));
            if !truth.keys().any(|(vendor, _)| *vendor == part.name) {
                continue; // A PSA: it counts nothing, so the books do not know it.
            }
            let told = format!("{}: {} {}: {:?}", part.name, org.id, org.name, one.likely);
            let company = truth.iter().find(|((vendor, id), _)| *vendor == part.name && *id == org.id);
            if let Some((_, Some(company))) = company {
                assert_eq!(best, Some(company.as_str()), "{told}");
                right += 1;
            } else {
                assert!(one.best().is_none_or(|best| best.score < CERTAIN), "{told}");
                unknown += 1;
            }
        }
        let certain = who.certain(CERTAIN);
        println!(
            "{companies} companies: {right} orgs suggested right, {} of them certain; {unknown} are nobody's",
            certain.len()
        );
        assert!(certain.len() * 100 >= right * 90, "{} of {right}", certain.len());
        write(&who, &who.changes(&certain), &*msp.world).unwrap();

        // What was written may speak for more at other vendors; that is no less true.
        let again = msp.who(Some(&psa)).await;
        write(&again, &again.changes(&again.certain(CERTAIN)), &*msp.world).unwrap();
        let who = msp.who(Some(&psa)).await;
        for ((vendor, id), company) in Msp::said(&who) {
            let true_one = truth.iter().find(|((name, org), _)| *name == vendor && *org == id);
            if truth.keys().any(|(name, _)| *name == vendor) {
                assert_eq!(true_one.and_then(|(_, company)| company.as_ref()), Some(&company), "{vendor} {id}");
            }
        }
        // What is left needs a look, such as a second org of one company: it is still suggested first.
        let looked: Vec<Taken> = who
            .suggestions
            .iter()
            .filter_map(|one| {
                let org = who.org(one.part, one.org)?;
                let company = truth.get(&(name_of(&msp, &who.parts[one.part].name)?, org.id.clone()))?.as_ref()?;
                let best = one.best().filter(|best| who.name(best.company) == company)?;
                Some(Taken { part: one.part, org: one.org, opinion: Opinion::Company(best.company) })
            })
            .collect();
        write(&who, &who.changes(&looked), &*msp.world).unwrap();
        let said = Msp::said(&msp.who(Some(&psa)).await);
        for ((vendor, id), company) in &truth {
            let answers = who.parts.iter().any(|part| part.name == *vendor && part.orgs.is_ok());
            if answers {
                assert_eq!(said.get(&((*vendor).to_owned(), id.clone())), company.as_ref(), "{vendor} {id}");
            }
        }
    }
}

fn name_of(msp: &Msp, name: &str) -> Option<&'static str> {
    msp.simulation.calls().into_keys().find(|known| *known == name)
}

/// Without a PSA, the vendors' own names must do: no row holds two customers.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_psa_no_row_holds_two_customers() {
    let msp = Msp::start(60, 5).await;
    let truth = msp.simulation.who_is_who();
    let who = msp.who(None).await;
    write(&who, &who.export(&Export::Vendors).unwrap(), &*msp.world).unwrap();
    for _ in 0..3 {
        let who = msp.who(None).await;
        write(&who, &who.changes(&who.certain(CERTAIN)), &*msp.world).unwrap();
    }
    let who = msp.who(None).await;
    let mut owners: BTreeMap<String, Option<String>> = BTreeMap::new();
    for ((vendor, id), row) in Msp::said(&who) {
        let Some((_, company)) = truth.iter().find(|((name, org), _)| *name == vendor && *org == id) else { continue };
        // A customer that no row of the true file knows is one of its own, by its name.
        let owner = owners.entry(row.clone()).or_insert_with(|| company.clone());
        assert_eq!(owner, company, "{row}: {vendor} {id}");
    }
    let open =
        who.parts.iter().flat_map(|part| &part.are).filter(|is| !matches!(is, Listed::Company(_, Rule::Id))).count();
    let all: usize = who.parts.iter().map(|part| part.are.len()).sum();
    assert!(open * 20 <= all, "{open} of {all} have no row");
}

/// What someone else wrote meanwhile is never lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_changed_meanwhile_is_not_overwritten() {
    let msp = Msp::start(14, 1).await;
    let psa = psa(&msp.simulation);
    let who = msp.who(Some(&psa)).await;
    let changes = who.export(&Export::Directory).unwrap();
    std::fs::write(msp.path("companies.csv"), "company\nMine\n").unwrap();
    let message = write(&who, &changes, &*msp.world).unwrap_err().to_string();
    assert!(message.contains("changed by someone else"), "{message}");
    assert_eq!(std::fs::read_to_string(msp.path("companies.csv")).unwrap(), "company\nMine\n");

    let who = msp.who(Some(&psa)).await;
    let lock = msp.world.try_lock_state("companies").unwrap();
    assert!(write(&who, &changes, &*msp.world).unwrap_err().to_string().contains("another tallysheet"));
    drop(lock);
    assert!(write(&who, &changes, &*msp.world).is_ok());
}
