//! What the accounts are to other modules.

use std::collections::HashMap;

use async_trait::async_trait;
use kernel::id::{CustomerId, SessionId};
use kernel::ports::{
    Contact, Identity, IdentityError, People, Principal, Proof, Role, Unavailable, Vault,
};
use platform::sql;

use crate::access_token::Told;
use crate::authority::KeyGrant;
use crate::domain::api_key::{self, KEY_HEAD};
use crate::issuers::Introduced;
use crate::{Accounts, store};

/// What the role of a caller by API key is called.
const KEY_ROLE: &str = "api_key";

impl Accounts {
    async fn person(&self, token: &str) -> sql::Result<Option<Principal>> {
        let told = self.tokens().check(self.keys(), token, self.db().clock().now());
        let Some(Told { id, role, session, proof, group }) = told else {
            return self.foreigner(token).await;
        };
        if self.revocations().contains(session) {
            return Ok(None);
        }
        let permissions = self.authority().permissions(self.db(), &role).await?;
        Ok(permissions.map(|permissions| Principal { id, role, permissions, proof, group }))
    }

    /// Somebody whom another issuer knows has no session and no account here.
    async fn foreigner(&self, token: &str) -> sql::Result<Option<Principal>> {
        let introduced = self.issuers().check(token, self.db().clock().now()).await;
        let Some(Introduced { claims, role }) = introduced else { return Ok(None) };
        let role = role.unwrap_or_else(|| Role::Customer.word().to_owned());
        let permissions = self.authority().permissions(self.db(), &role).await?;
        let (id, amr, auth_time) = (claims.id(), claims.amr(), claims.auth_time());
        let proof = Proof::Login { session: None, amr, auth_time };
        Ok(permissions.map(|permissions| Principal { id, role, permissions, proof, group: None }))
    }

    async fn program(&self, key: &str) -> sql::Result<Option<Principal>> {
        let now = self.db().clock().now();
        let grant = self.authority().key(self.db(), &api_key::hash(key)).await?;
        let grant = grant.filter(|grant| grant.expires_at.is_none_or(|end| now < end));
        Ok(grant.map(|KeyGrant { id, made_by, permissions, rate_per_s, .. }| {
            self.authority().used(id, now);
            let (id, role) = (CustomerId::from(id.uuid()), KEY_ROLE.to_owned());
            let proof = Proof::Key { made_by, rate_per_s };
            Principal { id, role, permissions, proof, group: None }
        }))
    }
}

#[async_trait]
impl Identity for Accounts {
    async fn authenticate(&self, token: &str) -> Result<Principal, IdentityError> {
        let found = if token.starts_with(KEY_HEAD) {
            self.program(token).await
        } else {
            self.person(token).await
        };
        found.map_err(|error| Unavailable::new("auth", error))?.ok_or(IdentityError::Refused)
    }

    fn csrf_token(&self, session: SessionId) -> String {
        self.secrets().csrf_token(session)
    }
}

#[async_trait]
impl People for Accounts {
    async fn contacts(
        &self,
        people: &[CustomerId],
    ) -> Result<HashMap<CustomerId, Contact>, Unavailable> {
        let found = store::accounts::contacts(self.db(), people).await;
        let found = found.map_err(|error| Unavailable::new("auth", error))?;
        Ok(found.into_iter().map(|(id, email)| (id, Contact { email })).collect())
    }
}

impl Vault for Accounts {
    fn seal(&self, owner: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        self.secrets().seal(owner, value)
    }

    fn unseal(&self, owner: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        self.secrets().unseal(owner, sealed).map(|value| value.to_vec())
    }

    fn name(&self, purpose: &[u8], value: &[u8]) -> [u8; 32] {
        self.secrets().name(purpose, value)
    }
}
