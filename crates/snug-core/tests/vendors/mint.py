"""Mints tokens by the vendor's own builder, as JSON on standard output."""

import json
import sys

from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import ChatGrant, VideoGrant

account, key, secret, service, _, _ = sys.argv[1:]


def token(grant):
    made = AccessToken(account, key, secret, identity="alice", ttl=3600)
    made.add_grant(grant)
    return made.to_jwt()


print(
    json.dumps(
        {
            "twilio": token(ChatGrant(service_sid=service)),
            "twilio with a role": token(ChatGrant(service_sid=service, deployment_role_sid="RL1")),
            "twilio for video": token(VideoGrant(room="room")),
        }
    )
)
