// Validating a token over HTTP and gRPC, each beside the least that its server library can do. Every validation is a decision
// record; clients, message sizes and connections are the same on both sides.
import { connect } from '../../dist/client/index.js'
import { compare, printTable } from './loops.mjs'
import { issue } from './stage.mjs'

const SESSIONS = 50
const SCOPE = 'read:bench:things'

export async function measureValidate({ client }, { vault, gatewayUrl, grpcAddress, serviceToken }, bare) {
  const tokens = []
  while (tokens.length < SESSIONS) tokens.push((await issue(vault)).data.token)
  let asked = 0
  const next = () => tokens[asked++ % SESSIONS]
  const headers = { authorization: `Bearer ${serviceToken}`, 'content-type': 'application/json' }
  const bareHttp = client(bare.url, headers)
  const http = client(gatewayUrl, headers)
  const bareGrpc = connect({ address: bare.grpcAddress, token: serviceToken })
  const grpc = connect({ address: grpcAddress, token: serviceToken })
  const body = () => ({ token: next(), required_scope: SCOPE, request_id: `bench-${asked}` })
  const matched = ({ scope_match }) => {
    if (scope_match !== true) throw new Error('a validation did not match its scope')
  }
  const subjects = [
    { name: 'bare node:http echo', once: async () => matched(await bareHttp('POST', '/echo', body())) },
    { name: 'POST /validate', once: async () => matched(await http('POST', '/validate', body())) },
    { name: 'bare grpc-js echo', once: async () => matched(await bareGrpc.validate(next(), SCOPE)) },
    { name: 'gRPC Tokens.Validate', once: async () => matched(await grpc.validate(next(), SCOPE)) },
  ]
  const rows = []
  for (const concurrency of [1, 16]) {
    const [bareHttpRow, httpRow, bareGrpcRow, grpcRow] = await compare(subjects, { concurrency })
    rows.push(bareHttpRow, httpRow, bareGrpcRow, grpcRow, {
      ...grpcRow,
      name: '  the same, beside the grpc-js echo',
      ratio: grpcRow.p50 / bareGrpcRow.p50,
    })
  }
  bareGrpc.close()
  grpc.close()
  printTable('Validate (a durable decision record each); ratios beside the node:http echo', rows)
}
