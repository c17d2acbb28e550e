// A token server that is not ours: oidc-provider of npm, with clients that prove themselves
// in three ways. The last argument is the public key of the third, as a JWK. It prints its
// port once it listens; every token that it gives can be introspected at /token/introspection,
// and is let in at /hooks, which is a receiver.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, jwk] = process.argv.slice(2);
const found = createRequire(`${folder}/package.json`).resolve('oidc-provider');
const { default: Provider } = await import(pathToFileURL(found));

const secret = 'a secret: of 40% & more + characters';
const grant = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] };
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`http://localhost:${port}`, {
    clients: [
      { client_id: 'basic', client_secret: secret, ...grant },
      {
        client_id: 'post',
        client_secret: secret,
        token_endpoint_auth_method: 'client_secret_post',
        ...grant,
      },
      {
        client_id: 'key',
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        jwks: { keys: [JSON.parse(jwk)] },
        ...grant,
      },
    ],
    scopes: ['hooks'],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      devInteractions: { enabled: false },
    },
  });
  // Behind nginx it has nginx's URL.
  provider.proxy = true;
  const answerAsServer = provider.callback();
  server.on('request', async (request, response) => {
    if (request.url !== '/hooks') {
      answerAsServer(request, response);
      return;
    }
    request.resume();
    const [, token] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    const given = token && (await provider.ClientCredentials.find(token));
    response.writeHead(given ? 200 : 401);
    response.end(given ? `you are ${given.clientId}` : 'you have no token');
  });
  console.log(port);
});
