import { GatewayCallError } from '../call/call-error.ts'

/** One for all: an error object for each response that nobody reads would be garbage. */
export const notRead = new GatewayCallError('call_ended', 'the response was not read to its end')
