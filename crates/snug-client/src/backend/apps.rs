//! The app itself; and, for those who run the installation, all apps.

use reqwest::Method;
use reqwest::header::HeaderMap;
use snug_wire::apps::{App, AppDraft, AppPatch};
use snug_wire::events::{Event, EventsQuery};
use snug_wire::jobs::StartedJob;
use snug_wire::paging::{Page, PageQuery};
use snug_wire::usage::{DayUsage, UsageQuery};

use super::Backend;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::rest::{NOTHING, Rest};

impl Backend {
    /// Reads the app.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn read_app(&self) -> Result<App, Error> {
        self.get(&[], NOTHING).await
    }

    /// Changes the app and its settings.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn patch_app(&self, patch: &AppPatch) -> Result<App, Error> {
        self.patch(&[], patch, HeaderMap::new()).await
    }

    /// Reads how much of the app was used, a line for each day.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn usage(&self, query: &UsageQuery) -> Result<Page<DayUsage>, Error> {
        self.get(&["usage"], Some(query)).await
    }

    /// Tells what was committed in the app after `next` of the page before, and waits for more as long as the query says.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn events(&self, query: &EventsQuery) -> Result<Page<Event>, Error> {
        self.get(&["events"], Some(query)).await
    }

    /// Deletes the app with all that it holds; the job tells how far that is.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn delete_app(&self) -> Result<StartedJob, Error> {
        self.delete(&[], NOTHING).await
    }
}

/// Whoever runs the installation: makes and lists apps, and sees nothing of what is in them.
#[derive(Clone, Debug)]
pub struct Installation {
    rest: Rest,
}

impl Installation {
    /// Asks with `key`, which has the scope `installation`.
    ///
    /// # Errors
    /// [`Error::Address`] where the key has characters that no key has.
    pub fn new(endpoint: &Endpoint, key: &str) -> Result<Self, Error> {
        Ok(Self { rest: Rest::new(endpoint.clone(), key)? })
    }

    /// Makes an app.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn create_app(&self, draft: &AppDraft) -> Result<App, Error> {
        let answer = self.rest.ask(Method::POST, "/v1/apps", NOTHING, Some(draft), HeaderMap::new()).await;
        answer.map(|(_, app)| app)
    }

    /// Lists apps.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn apps(&self, query: &PageQuery) -> Result<Page<App>, Error> {
        let answer = self.rest.ask(Method::GET, "/v1/apps", Some(query), NOTHING, HeaderMap::new()).await;
        answer.map(|(_, page)| page)
    }
}
