/**
 * Imported for its effect, before anything else, by the executable: what other modules print or throw
 * while they load is caught as well.
 */
import { captureOutput } from './output.ts'

captureOutput()
