// Before the first paint: the theme chosen last time, else the system's.
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem('vitscope-theme');
  } catch {
    // storage is blocked: the system's theme it is
  }
  if (theme !== 'light' && theme !== 'dark') {
    theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  }
  document.documentElement.dataset.theme = theme;
})();
