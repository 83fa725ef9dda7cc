// Sets the address's `next`, where it has one, to this page, so that the way leads back to the typed text.
export function backHere(url) {
  const target = new URL(url, location.href);
  if (!target.searchParams.has("next")) return url;
  target.searchParams.set("next", location.pathname + location.search);
  return target.href;
}
