-- What was sent in a person's name by others than its own client: it may be where the person never was a member.
CREATE INDEX messages_by_others ON messages (app, sender, conversation) WHERE via IS NOT NULL AND sender IS NOT NULL;
