/**
 * The recovery file: what this computer could not send, encrypted so that only the server can read it, to be carried by hand.
 *
 * An ephemeral P-256 key against the server's public key (which `open` handed out), HKDF-SHA256, AES-256-GCM; the format is in
 * docs/protocol.md. WebCrypto does it, and exists in secure contexts only: without it there is no file, because an unprotected
 * one could be read and changed on its way.
 */
import { remembered } from "./place.js";

const FORMAT = "jikao-recovery-1";
const CURVE = { name: "ECDH", namedCurve: "P-256" };
const MOST_OPS = 1000;
const bytes = (text) => new TextEncoder().encode(text);

/** Whether this browser can encrypt at all. */
export function canEncrypt() {
  return globalThis.isSecureContext === true && Boolean(globalThis.crypto?.subtle);
}

/**
 * @param {{ key: string, name: string, of: string, proof: string }} offer what `open` handed out
 * @param {{ page: string, ack: number, made_ms: number, state: object, ops: object[] }} held
 * @returns {Promise<Blob>}
 */
export async function recoveryFile(offer, held) {
  const server = fromBase64(offer.key);
  const theirs = await crypto.subtle.importKey("raw", server, CURVE, false, []);
  const mine = await crypto.subtle.generateKey(CURVE, false, ["deriveBits"]);
  const shared = await crypto.subtle.deriveBits({ name: "ECDH", public: theirs }, mine.privateKey, 256);
  const point = new Uint8Array(await crypto.subtle.exportKey("raw", mine.publicKey));
  const key = await sealingKey(shared, joined(bytes(FORMAT), point, server));
  const nonce = crypto.getRandomValues(new Uint8Array(12));
  const content = { of: offer.of, proof: offer.proof, ...held, ops: held.ops.slice(0, MOST_OPS) };
  const algorithm = { name: "AES-GCM", iv: nonce, additionalData: bytes(FORMAT) };
  const sealed = new Uint8Array(await crypto.subtle.encrypt(algorithm, key, bytes(JSON.stringify(content))));
  const envelope = { format: FORMAT, key: offer.name, ephemeral: toBase64(point), nonce: toBase64(nonce), sealed: toBase64(sealed) };
  return new Blob([JSON.stringify(envelope)], { type: "application/octet-stream" });
}

/** How the page stands, in numbers, for the people who decide. @param {import("./sitting.js").Sitting} sitting */
export function stateOf({ answers, paper, clock, key, handingIn, paused, locked }) {
  const { answered, flagged } = answers.counts(paper.questions);
  const remaining = clock.remaining();
  return {
    answered,
    flagged,
    remaining_ms: remaining === null ? null : Math.round(remaining),
    handing_in: handingIn,
    paused,
    locked,
    slot: remembered(key) ?? 0,
  };
}

async function sealingKey(shared, info) {
  const material = await crypto.subtle.importKey("raw", shared, "HKDF", false, ["deriveKey"]);
  const derivation = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info };
  return crypto.subtle.deriveKey(derivation, material, { name: "AES-GCM", length: 256 }, false, ["encrypt"]);
}

function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function toBase64(array) {
  let text = "";
  for (const byte of array) text += String.fromCharCode(byte);
  return btoa(text);
}
