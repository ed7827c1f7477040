//! What the rooms of runs and counts need of a database: steps that happen whole or not at all. They are written in the
//! SQL that SQLite and PostgreSQL share, with `$1`, `$2` … for values, so that each question stands in the code once.

use crate::Claim;
use tallysheet_core::{Decimal, Error, Result, async_trait};

/// A database.
#[async_trait]
pub(crate) trait Database: Send + Sync {
    /// Begins a step that only reads, and sees one moment.
    async fn reading(&self) -> Result<Box<dyn Step + '_>>;
    /// Begins a step that writes. There is one of them at a time, over all processes and machines.
    async fn writing(&self) -> Result<Box<dyn Step + '_>>;
    /// See [`Store::claim`](crate::Store::claim).
    async fn claim(&self, name: &str) -> Result<Option<Claim>>;
    /// See [`Store::place`](crate::Store::place).
    fn place(&self) -> String;
}

/// One step. Dropped before its end, nothing of it happened.
#[async_trait]
pub(crate) trait Step: Send {
    /// Does something; how many rows it changed.
    async fn run(&mut self, sql: &str, values: Vec<Value>) -> Result<u64>;
    /// Does the same with each of these.
    async fn each(&mut self, sql: &str, values: Vec<Vec<Value>>) -> Result<()>;
    /// Asks.
    async fn rows(&mut self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>>;
    /// Ends the step: from here on it has happened.
    async fn end(self: Box<Self>) -> Result<()>;
}

impl dyn Step + '_ {
    /// Asks for one row at most.
    pub(crate) async fn row(&mut self, sql: &str, values: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }
}

/// What stands in a column, or goes into one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Number(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// Values in their order.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$(crate::step::Value::from($value)),*] };
}
pub(crate) use values;

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Number(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

impl From<Option<u8>> for Value {
    fn from(number: Option<u8>) -> Self {
        Self::Number(number.map(i64::from))
    }
}

impl From<bool> for Value {
    fn from(is: bool) -> Self {
        Self::Number(Some(is.into()))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(Some(text.clone()))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<&Option<String>> for Value {
    fn from(text: &Option<String>) -> Self {
        Self::Text(text.clone())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Some(bytes))
    }
}

/// A row of an answer, whose columns are taken one by one.
#[derive(Debug)]
pub(crate) struct Row(std::vec::IntoIter<Value>);

impl Row {
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }

    pub(crate) fn number(&mut self) -> Result<i64> {
        self.maybe_number()?.ok_or_else(damaged)
    }

    pub(crate) fn maybe_number(&mut self) -> Result<Option<i64>> {
        match self.0.next() {
            Some(Value::Number(number)) => Ok(number),
            // SQLite tells of no type where there is nothing.
            Some(Value::Text(None) | Value::Bytes(None)) => Ok(None),
            _ => Err(damaged()),
        }
    }

    pub(crate) fn is(&mut self) -> Result<bool> {
        Ok(self.number()? != 0)
    }

    pub(crate) fn text(&mut self) -> Result<String> {
        self.maybe_text()?.ok_or_else(damaged)
    }

    pub(crate) fn maybe_text(&mut self) -> Result<Option<String>> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(text),
            Some(Value::Number(None) | Value::Bytes(None)) => Ok(None),
            _ => Err(damaged()),
        }
    }

    /// A text that says something else; nothing where this version cannot read it.
    pub(crate) fn parsed<T: std::str::FromStr>(&mut self) -> Result<Option<T>> {
        Ok(self.maybe_text()?.and_then(|text| text.parse().ok()))
    }

    /// A number that has all its digits.
    pub(crate) fn decimal(&mut self) -> Result<Option<Decimal>> {
        self.parsed()
    }

    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>> {
        match self.0.next() {
            Some(Value::Bytes(Some(bytes))) => Ok(bytes),
            _ => Err(damaged()),
        }
    }
}

fn damaged() -> Error {
    Error::internal("the kept runs are not as they were written: they are damaged, or of another program")
}
