<?php

declare(strict_types=1);

namespace Fantail\WebSocket;

use Fantail\FantailException;

/** Whatever goes wrong with a WebSocket connection. */
abstract class WebSocketException extends \RuntimeException implements FantailException
{
}
