import { durationSeconds } from '../../framework/duration.ts'
import type { FieldSchema } from '../../framework/field.ts'
import { badRequest } from '../../logical/errors.ts'

/** The settings a secret and its mount share, and how they are read from a request. */
export const settingFields = {
  max_versions: {
    type: 'int',
    description:
      'How many versions to keep; 0 is "not set". The larger of the secret\'s and the mount\'s setting counts, ten when neither is set.',
    example: 5,
  },
  cas_required: {
    type: 'bool',
    description: 'Every write must carry options.cas, the version it is based on.',
    example: true,
  },
  // Untyped: the mount's may be negative, which the framework's durations are not.
  delete_version_after: {
    type: 'any',
    description:
      'How long a version lives before it is deleted by itself, as seconds or Go duration text; 0 is "not set".',
    example: '720h',
  },
} as const satisfies Record<string, FieldSchema>

const MOST_VERSIONS = 2 ** 32 - 1

export function maxVersions(value: number): number {
  if (value < 0 || value > MOST_VERSIONS)
    throw badRequest(`max_versions must be between 0 and ${MOST_VERSIONS}, for example max_versions=5.`)
  return value
}

/** Whole seconds, negative ones included. */
export function signedSeconds(value: unknown): number {
  const seconds = durationSeconds(value)
  if (seconds === undefined)
    throw badRequest(
      'delete_version_after must be a duration in seconds or a text such as 90m or 720h, for example delete_version_after=720h.',
    )
  return seconds
}

export const CAS_IGNORED = '"cas_required" set to false, but is mandated by backend config. This value will be ignored.'
