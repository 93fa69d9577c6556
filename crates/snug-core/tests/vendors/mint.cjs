// Mints tokens by the vendors' own builders, as JSON on standard output.

const { jwt: { AccessToken } } = require('twilio')
const { ChatTokenBuilder } = require('agora-token')
const { AccessToken2, ServiceChat, ServiceRtc, ServiceRtm2 } = require('agora-token/src/AccessToken2')

const [account, key, secret, service, appId, certificate] = process.argv.slice(2)

function twilio(options) {
  const token = new AccessToken(account, key, secret, { identity: 'alice', ttl: 3600, ...options })
  token.addGrant(new AccessToken.ChatGrant({ serviceSid: service, endpointId: 'phone' }))
  return token.toJwt(options?.algorithm ?? 'HS256')
}

function agora() {
  const token = new AccessToken2(appId, certificate, null, 3600)
  for (const one of [new ServiceRtm2('bob'), new ServiceChat('alice'), new ServiceRtc('room', 7)]) {
    one.add_privilege(1, 3600)
    token.add_service(one)
  }
  return token.build()
}

console.log(JSON.stringify({
  twilio: twilio(),
  'twilio from now on': twilio({ nbf: Math.floor(Date.now() / 1000) }),
  'twilio by HS512': twilio({ algorithm: 'HS512' }),
  agora: ChatTokenBuilder.buildUserToken(appId, certificate, 'alice', 3600),
  'agora with other services': agora(),
  'agora for the whole app': ChatTokenBuilder.buildAppToken(appId, certificate, 3600),
}))
