/** Server reflection, v1 and v1alpha: what is served here, for grpcurl and its like. */
import { status } from '@grpc/grpc-js'
import type { ServerDuplexStream, UntypedServiceImplementation } from '@grpc/grpc-js'
import { decoded, describedFiles, serviceNames } from './definitions.ts'
import type { DescribedFile, Undecodable } from './definitions.ts'
import { failureOf, requestIdFor } from './exchange.ts'
import type { GrpcDependencies } from './exchange.ts'
import { Inbox } from './inbox.ts'
import { Outbox } from './outbox.ts'
import type { OpenStreams } from './outbox.ts'
import { failureStatus } from './status.ts'

interface ReflectionRequest {
  readonly host: string
  readonly message_request?:
    | 'file_by_filename'
    | 'file_containing_symbol'
    | 'file_containing_extension'
    | 'all_extension_numbers_of_type'
    | 'list_services'
  readonly file_by_filename?: string
  readonly file_containing_symbol?: string
}

type ReflectionResult =
  | { readonly file_descriptor_response: { readonly file_descriptor_proto: readonly Uint8Array[] } }
  | { readonly list_services_response: { readonly service: readonly { readonly name: string }[] } }
  | { readonly error_response: { readonly error_code: number; readonly error_message: string } }

type ReflectionResponse = ReflectionResult & {
  readonly valid_host: string
  readonly original_request: ReflectionRequest
}

export function reflectionService(dependencies: GrpcDependencies, streams: OpenStreams): UntypedServiceImplementation {
  return {
    ServerReflectionInfo: (call: ServerDuplexStream<ReflectionRequest | Undecodable, ReflectionResponse>) => {
      const outbox = new Outbox<ReflectionResponse>(call)
      streams.add(outbox)
      converse(new Inbox(call), outbox).catch((thrown: unknown) => {
        const requestId = requestIdFor(dependencies)
        outbox.fail(failureStatus(failureOf(dependencies, thrown, requestId), requestId))
      })
    },
  }
}

async function converse(
  inbox: Inbox<ReflectionRequest | Undecodable>,
  outbox: Outbox<ReflectionResponse>,
): Promise<void> {
  for (let message = await inbox.next(); message !== undefined; message = await inbox.next()) {
    const request = decoded(message)
    await outbox.send({ valid_host: request.host, original_request: request, ...resolveRequest(request) })
  }
  outbox.end()
}

function resolveRequest({
  message_request,
  file_by_filename = '',
  file_containing_symbol = '',
}: ReflectionRequest): ReflectionResult {
  switch (message_request) {
    case 'list_services':
      return { list_services_response: { service: serviceNames.map((name) => ({ name })) } }
    case 'file_by_filename':
      return fileWhere(({ name }) => name === file_by_filename, 'no such file is served')
    case 'file_containing_symbol':
      return fileWhere(({ symbols }) => symbols.has(file_containing_symbol), 'no such symbol is served')
    case 'file_containing_extension':
    case 'all_extension_numbers_of_type':
      return refused(status.NOT_FOUND, 'there are no extensions here')
    default:
      return refused(status.INVALID_ARGUMENT, 'the request is empty; set one member of message_request')
  }
}

function fileWhere(matches: (file: DescribedFile) => boolean, otherwise: string): ReflectionResult {
  const file = describedFiles.find(matches)
  return file
    ? { file_descriptor_response: { file_descriptor_proto: [file.bytes] } }
    : refused(status.NOT_FOUND, otherwise)
}

const refused = (error_code: number, error_message: string): ReflectionResult => ({
  error_response: { error_code, error_message },
})
