import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** Makes a certificate for this machine and its key, as files in a folder; undefined where there is no `openssl`. */
export function makeCertificate(folder: string, name: string): Certificate | undefined {
  const [cert, key] = [join(folder, `${name}-cert.pem`), join(folder, `${name}-key.pem`)]
  const words = [
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost',
    '-addext subjectAltName=DNS:localhost,IP:127.0.0.1',
  ]
  try {
    execFileSync('openssl', [...words.join(' ').split(' '), '-keyout', key, '-out', cert], { stdio: 'ignore' })
    return { cert, key }
  } catch {
    return undefined
  }
}
