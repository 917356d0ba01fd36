<?php

// A page that one can log in to, and that shows what is pushed to it:
//
//     php -S 127.0.0.1:8000 examples/page.php
//
// Open http://127.0.0.1:8000/ and log in, then `php examples/notify.php ann "hello"`.

declare(strict_types=1);

require __DIR__ . '/settings.php';

use Fantail\Cookies;

session_start();

if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    // Here your page asks for a password.
    $user = (string) ($_POST['user'] ?? '');
    if (!preg_match('/\A[a-z0-9]{1,32}\z/', $user)) {
        http_response_code(400);
        exit('A user has letters and digits.');
    }
    session_regenerate_id(true);
    $cookies = Cookies::make(WSON_SECRET, user: $user, kind: WSON_DIGEST);
    $cookies->send();
    remember($user, $cookies->token);
    $_SESSION['user'] = $user;
    header('Location: /', true, 303);
    exit;
}

$user = $_SESSION['user'] ?? null;
?>
<!doctype html>
<meta charset="utf-8">
<title>Messages</title>
<?php if ($user === null): ?>
<form method="post">
  <label>User <input name="user" value="ann" autofocus></label>
  <button>Log in</button>
</form>
<?php else: ?>
<p>Messages for <?= htmlspecialchars($user) ?>:</p>
<pre id="messages"></pre>
<script>
  const messages = document.getElementById("messages");
  function connect() {
    const socket = new WebSocket(<?= json_encode(WEBSOCKET, JSON_HEX_TAG) ?>);
    socket.onmessage = (event) => { messages.textContent += event.data + "\n"; };
    // Again after a while; not when the login has expired.
    socket.onclose = (event) => {
      if (event.reason !== "expired") setTimeout(connect, 2000 + 3000 * Math.random());
    };
  }
  connect();
</script>
<?php endif; ?>
