//! The store in a PostgreSQL database, for several machines. One connection does all the steps, another holds the claims;
//! either is made anew where it was lost.

mod address;
mod claims;

pub(crate) use claims::Held;

use crate::Claim;
use crate::migrations::{MIGRATIONS, for_postgres, lacking};
use crate::step::{Database, Row, Step, Value};
use address::Address;
use claims::Claims;
use futures_util::future::try_join_all;
use std::sync::Arc;
use tallysheet_core::{Error, Result, Secret, async_trait};
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Column};

/// Sees one moment, whatever others write.
const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// One writes at a time, as with SQLite: a count is written as what differs from the one before, so there must be such a one.
const WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED;
    SELECT pg_advisory_xact_lock(hashtextextended('tallysheet/write/' || coalesce(current_schema(), ''), 0))";

/// Runs in a PostgreSQL database.
pub struct Postgres {
    address: Arc<Address>,
    /// Taken by a step, and given back at its end: a step that is dropped before takes its connection with it, by which the
    /// server undoes it.
    connection: Mutex<Option<Client>>,
    claims: Claims,
}

impl Postgres {
    /// The store that a connection URL names, made or brought up to date. Several machines may do so at once.
    pub async fn open(url: &Secret) -> Result<Self> {
        let address = Arc::new(Address::parse(url.expose())?);
        let claims = Claims::new(address.clone());
        let store = Self { address, connection: Mutex::new(None), claims };
        store.prepare().await?;
        Ok(store)
    }

    /// The migrations that are lacking, all or none.
    async fn prepare(&self) -> Result<()> {
        let mut step = self.begin(WRITE).await?;
        step.batch("CREATE TABLE IF NOT EXISTS migration (version BIGINT PRIMARY KEY)").await?;
        let newest = step.rows("SELECT coalesce(max(version), 0) FROM migration", vec![]).await?.into_iter().next();
        let version = newest.map_or(Ok(0), |mut row| row.number())?;
        let lacking = lacking(version).map_err(|why| self.address.failed(&why))?;
        for migration in lacking {
            step.batch(&for_postgres(migration)).await?;
        }
        if !lacking.is_empty() {
            let newest = Value::from(MIGRATIONS.len());
            step.run("INSERT INTO migration (version) VALUES ($1)", vec![newest]).await?;
        }
        Box::new(step).end().await
    }

    async fn begin(&self, begin: &str) -> Result<PostgresStep<'_>> {
        let mut place = self.connection.lock().await;
        if let Some(client) = place.take().filter(|client| !client.is_closed())
            && client.batch_execute(begin).await.is_ok()
        {
            return Ok(PostgresStep { place, client, address: &self.address });
        }
        // Nothing has happened yet, so a connection that was lost while it lay idle costs nothing but a new one.
        let (client, _) = self.address.connect().await?;
        client.batch_execute(begin).await.map_err(|error| self.address.told(&error))?;
        Ok(PostgresStep { place, client, address: &self.address })
    }
}

#[async_trait]
impl Database for Postgres {
    async fn reading(&self) -> Result<Box<dyn Step + '_>> {
        Ok(Box::new(self.begin(READ).await?))
    }

    async fn writing(&self) -> Result<Box<dyn Step + '_>> {
        Ok(Box::new(self.begin(WRITE).await?))
    }

    async fn claim(&self, name: &str) -> Result<Option<Claim>> {
        self.claims.claim(name).await
    }

    fn place(&self) -> String {
        self.address.place()
    }
}

struct PostgresStep<'a> {
    place: MutexGuard<'a, Option<Client>>,
    client: Client,
    address: &'a Address,
}

impl PostgresStep<'_> {
    async fn batch(&self, sql: &str) -> Result<()> {
        self.client.batch_execute(sql).await.map_err(|error| self.address.told(&error))
    }
}

#[async_trait]
impl Step for PostgresStep<'_> {
    async fn run(&mut self, sql: &str, values: Vec<Value>) -> Result<u64> {
        let values = clean(values);
        let done = self.client.execute_typed(sql, &typed(&values)).await;
        done.map_err(|error| self.address.told(&error))
    }

    async fn each(&mut self, sql: &str, values: Vec<Vec<Value>>) -> Result<()> {
        let Some(first) = values.first() else { return Ok(()) };
        let types: Vec<Type> = typed(first).into_iter().map(|(_, kind)| kind).collect();
        let told = |error| self.address.told(&error);
        let statement = self.client.prepare_typed(sql, &types).await.map_err(told)?;
        // All are sent before the first answer comes: a far server costs one way there and back, not thousands.
        try_join_all(values.into_iter().map(|values| {
            let (client, statement, values) = (&self.client, &statement, clean(values));
            async move {
                let bound: Vec<&(dyn ToSql + Sync)> = typed(&values).into_iter().map(|(value, _)| value).collect();
                client.execute(statement, &bound).await
            }
        }))
        .await
        .map(|_| ())
        .map_err(told)
    }

    async fn rows(&mut self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>> {
        let values = clean(values);
        let told = |error| self.address.told(&error);
        let rows = self.client.query_typed(sql, &typed(&values)).await.map_err(told)?;
        let row = |row: tokio_postgres::Row| {
            let values = row.columns().iter().enumerate().map(|(place, column)| value(&row, place, column));
            values.collect::<Result<_, _>>().map(Row::new).map_err(told)
        };
        rows.into_iter().map(row).collect()
    }

    async fn end(self: Box<Self>) -> Result<()> {
        let Self { mut place, client, address } = *self;
        client.batch_execute("COMMIT").await.map_err(|error| address.told(&error))?;
        *place = Some(client);
        Ok(())
    }
}

/// PostgreSQL has no text with a NUL in it, and no vendor means one.
fn clean(values: Vec<Value>) -> Vec<Value> {
    let clean = |value| match value {
        Value::Text(Some(text)) if text.contains('\0') => Value::Text(Some(text.replace('\0', "\u{fffd}"))),
        value => value,
    };
    values.into_iter().map(clean).collect()
}

fn typed(values: &[Value]) -> Vec<(&(dyn ToSql + Sync), Type)> {
    fn one(value: &Value) -> (&(dyn ToSql + Sync), Type) {
        match value {
            Value::Number(number) => (number, Type::INT8),
            Value::Text(text) => (text, Type::TEXT),
            Value::Bytes(bytes) => (bytes, Type::BYTEA),
        }
    }
    values.iter().map(one).collect()
}

fn value(row: &tokio_postgres::Row, place: usize, column: &Column) -> Result<Value, tokio_postgres::Error> {
    Ok(match *column.type_() {
        Type::INT8 => Value::Number(row.try_get(place)?),
        Type::BYTEA => Value::Bytes(row.try_get(place)?),
        _ => Value::Text(row.try_get(place)?),
    })
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Postgres({})", self.address.place())
    }
}

impl Address {
    /// An error that names the database, and nothing that is in it.
    fn told(&self, error: &tokio_postgres::Error) -> Error {
        self.failed(&address::why(error))
    }
}
