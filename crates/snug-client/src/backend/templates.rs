//! Templates.

use reqwest::header::HeaderMap;
use snug_wire::ids::TemplateId;
use snug_wire::paging::{Page, PageQuery};
use snug_wire::templates::{Template, TemplateDraft};

use super::{Backend, Put};
use crate::error::Error;
use crate::rest::NOTHING;

impl Backend {
    /// Lists the app's templates.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn templates(&self, query: &PageQuery) -> Result<Page<Template>, Error> {
        self.get(&["templates"], Some(query)).await
    }

    /// Makes or replaces a template.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn put_template(&self, id: &TemplateId, draft: &TemplateDraft) -> Result<Put<Template>, Error> {
        self.put(&["templates", id.as_str()], NOTHING, draft, HeaderMap::new()).await
    }

    /// A template.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn template(&self, id: &TemplateId) -> Result<Template, Error> {
        self.get(&["templates", id.as_str()], NOTHING).await
    }

    /// Deletes a template; what has appeared of it stays.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn delete_template(&self, id: &TemplateId) -> Result<(), Error> {
        self.delete_silently(&["templates", id.as_str()], NOTHING).await
    }
}
