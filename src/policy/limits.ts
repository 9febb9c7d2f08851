/** Bounds against hostile policy texts. A policy is written by hand or by Terraform: real ones stay far below all of them. */

/** UTF-16 code units of one policy text. */
export const maxPolicyLength = 1024 * 1024
/** Braces and brackets open at once; the language itself needs four. */
export const maxDepth = 16
/** `path` blocks of one policy. */
export const maxPaths = 10_000
/** UTF-16 code units of one path. */
export const maxPathLength = 2048
