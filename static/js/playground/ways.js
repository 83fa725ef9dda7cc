// Signing in leads back to this page, where the typed text is kept.
export function backHere(url) {
  const target = new URL(url, location.href);
  if (!target.searchParams.has("next")) return url;
  target.searchParams.set("next", location.pathname + location.search);
  return target.href;
}
